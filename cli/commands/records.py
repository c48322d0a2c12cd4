"""The commands about runs on record: status, list, get, cleanup and report."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from cli import run_client
from cli.commands.arguments import AsJson, CommandGroup, ExecutionId, IdempotencyKey, Interval
from cli.commands.confirmations import confirm_cleanup
from cli.connection import Connection, connected
from cli.follow import follow_cleanup, print_advice, print_next, write_report
from cli.repeat import make_key
from cli.run_record import exit_status
from cli.session import Session
from cli.terminal import REFUSED, console, end, has_terminal, print_json, print_rows
from cli.text import describe_chain, describe_state, describe_waits, summarize_waits
from recovery.free_text import flatten

app = CommandGroup()

# Servers whose columns have one width.
SERVERS_PRINTED_AT_ONCE = 1000


@app.command(epilog="Example: drs-waves status drill-20261122-081530-4f1c09 --json")
@connected
def status(
    connection: Connection,
    execution: ExecutionId,
    servers: Annotated[bool, typer.Option("--servers", help="List its source servers too.")] = False,
    wave: Annotated[str | None, typer.Option("--wave", help="With --servers: only those of this wave.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the progress of a run. The exit status is 0 while it is in progress, and its own once it has ended."""
    if wave is not None and not servers:
        raise typer.BadParameter("--wave goes with --servers")
    session = Session.open(connection, as_json)
    record = run_client.read_run(session.api, execution)
    if wave is not None and wave not in {each["name"] for each in record["waves"]}:
        end(REFUSED, f"{execution} has no wave {wave!r}")
    found = run_client.walk_servers(session.api, execution, wave) if servers else iter(())
    if as_json:
        print_json({**record, "sourceServers": list(found)} if servers else record)
    else:
        from cli.views.live import LiveView

        console().print(LiveView(console(), session.options, session.speed).render(record))
        if record["reason"]:
            console().print(f"reason: {flatten(record['reason'])}", markup=False)
        if chain := describe_chain(record):
            console().print(chain, markup=False)
        if servers:
            _print_servers(found)
        print_next(session, record)
    raise typer.Exit(exit_status(record))


def _print_servers(servers: Iterator[Mapping[str, Any]]) -> None:
    """Print the servers in columns, each page as it comes, and what to do about those that failed."""
    failed = list[Mapping[str, Any]]()
    head: list[tuple[str, ...]] = [("server", "host", "wave", "status", "instance", "reason")]
    while page := list(islice(servers, SERVERS_PRINTED_AT_ONCE)):
        print_rows([*head, *map(_server_row, page)])
        failed += [server for server in page if server["status"] == "FAILED"]
        head = []
    print_advice(failed)


def _server_row(server: Mapping[str, Any]) -> tuple[str, ...]:
    reasons = "; ".join(filter(None, [server["reason"], *server["warnings"]]))
    fields = (server["sourceServerId"], server["hostname"], server["wave"], server["status"])
    return tuple(cell or "" for cell in (*fields, server["recoveryInstanceId"], reasons))


@app.command("list", epilog="Example: drs-waves list --plan three-tier")
@connected
def list_(
    connection: Connection,
    plan: Annotated[str | None, typer.Option("--plan", help="Only those of this plan, by id or name.")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Only those of this status: PENDING, POLLING, FAILED, ...")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="At most so many, the newest.")] = 20,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that wait for people, with the commands that answer.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first, with what each waits for."""
    if plan is not None and status is not None:
        raise typer.BadParameter("give --plan or --status, not both")
    if waiting and status is not None:
        raise typer.BadParameter("give --waiting or --status, not both")
    session = Session.open(connection)
    if waiting:
        _list_waiting(session, session.find_plan(plan)["planId"] if plan is not None else None, as_json)
        return
    query = {"limit": str(limit)}
    if plan is not None:
        query["planId"] = session.find_plan(plan)["planId"]
    if status is not None:
        query["status"] = status.upper()
    executions = session.api.get("/executions", **query)["executions"]
    if as_json:
        print_json({"executions": executions})
        return
    head = ("execution", "plan", "mode", "state", "waits for", "requested", "by")
    print_rows([head, *map(_list_row, executions)] if executions else [("There are no runs.",)])


def _list_row(run: Mapping[str, Any]) -> tuple[str, ...]:
    at = run["requestedAt"][:19].replace("T", " ")
    cells = (run["executionId"], run["planName"], run["mode"].lower(), describe_state(run))
    return *cells, summarize_waits(run), at, run["requestedBy"]


def _list_waiting(session: Session, plan_id: str | None, as_json: bool) -> None:
    """List the runs that wait for people, the longest wait first."""
    found = list(run_client.list_waiting(session.api, plan_id))
    if as_json:
        print_json({"executions": found})
        return
    if not found:
        session.print_line("No run waits for people.")
    for each in found:
        run = run_client.read_run(session.api, each["executionId"])  # it has the time by the run's clock
        session.print_line(f"{run['executionId']}  {run['mode'].lower()} of {flatten(run['planName'])}")
        for wait, commands in describe_waits(run, session.options):
            if commands:
                session.print_line("\n    ".join([f"  {wait}:", *commands]))


@app.command(epilog="Example: drs-waves get '/executions?status=FAILED' --region us-west-2")
@connected
def get(
    connection: Connection, path: Annotated[str, typer.Argument(help="A path of docs/api.md, such as /capacity.")]
) -> None:
    """Send a signed GET to the API, and print the answer as JSON."""
    url = urlsplit(path)
    print_json(Session.open(connection).api.get_as_written(url.path, url.query))


@app.command(epilog="Example: drs-waves cleanup drill-20261122-081530-4f1c09")
@connected
def cleanup(
    connection: Connection,
    execution: ExecutionId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Without a terminal, nothing is asked.")] = False,
    idempotency_key: IdempotencyKey = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Terminate the instances that a drill and its chain launched, and follow that to its end. A recovery is refused.

    On a terminal, the command shows these instances and asks.
    """
    session = Session.open(connection, as_json, interval)
    if not yes and has_terminal():
        confirm_cleanup(session, execution)
    raise typer.Exit(follow_cleanup(session, execution, idempotency_key or make_key()))


@app.command(epilog="Example: drs-waves report drill-20261122-081530-4f1c09 --to build/report")
@connected
def report(
    connection: Connection,
    execution: ExecutionId,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", file_okay=False, help="The folder to write to.")],
    with_transitions: Annotated[
        bool, typer.Option("--with-transitions", help="Count Step Functions' transitions; this reads every history.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the report of a run, as an HTML page and as JSON. For a run in progress, it shows the state so far."""
    from cli.report import collect

    session = Session.open(connection, as_json)
    record = run_client.read_run(session.api, execution)
    costs = {"stateTransitions": collect.count_transitions(connection, record)} if with_transitions else {}
    write_report(session, record, to, costs)
    if as_json:
        print_json({"html": str(to / collect.HTML_FILE), "json": str(to / collect.JSON_FILE)})
