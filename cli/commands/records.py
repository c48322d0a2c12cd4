"""The commands about runs on record: status, list, get, cleanup and report."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from cli import run_client
from cli.commands.arguments import (
    AsJson,
    AsPdf,
    CommandGroup,
    ExecutionId,
    IdempotencyKey,
    Interval,
    OutputForm,
    PlanOption,
    choose_output,
)
from cli.commands.completion import complete_wave
from cli.commands.confirmations import confirm_cleanup, confirm_latest
from cli.commands.drills.printing import print_page
from cli.connection import Connection, connected, exit_on_error
from cli.exit_statuses import exit_status
from cli.follow import follow_cleanup, print_advice, print_next, write_report
from cli.listings.catalog import RUNS
from cli.listings.output import Output, print_listing
from cli.profiles.reading import read_applied
from cli.repeat import make_key
from cli.run_preview import preview_cleanup
from cli.session import Session
from cli.terminal import FAILED, REFUSED, console, end, has_terminal, print_error, print_json, print_rows
from cli.text import COMMAND, describe_chain, describe_waits
from cli.views.assessed import describe_assessment, describe_counting, read_assessment
from cli.views.fold import fold_command, fold_line
from cli.views.steps import describe_verification
from recovery.domain.execution import ExecutionStatus
from recovery.free_text import clean, flatten
from report.plan.profiles import summarize_settings

app = CommandGroup()

_STATUSES = ", ".join(ExecutionStatus)


def _check_status(text: str | None) -> str | None:
    """The status as the API writes it. Refuse what the API would refuse, before anything is asked."""
    if text is None or text.upper() in set(ExecutionStatus):
        return text and text.upper()
    raise typer.BadParameter(f"{clean(text)[:80]!r} is no status of a run. There are: {_STATUSES}")


def _complete_status(incomplete: str) -> list[str]:
    return [status.value for status in ExecutionStatus if status.startswith(incomplete)]


@app.command(epilog="Example: drs-waves status drill-20261122-081530-4f1c09 --json")
@connected
def status(
    connection: Connection,
    execution: ExecutionId,
    servers: Annotated[bool, typer.Option("--servers", help="List its source servers too.")] = False,
    wave: Annotated[
        str | None,
        typer.Option(
            "--wave", metavar="WAVE", autocompletion=complete_wave, help="With --servers: only those of this wave."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the progress of a run.

    The exit status is 0 while it is in progress, and its own once it has ended.
    """
    if wave is not None and not servers:
        raise typer.BadParameter("--wave goes with --servers")
    session = Session.open(connection, as_json)
    execution = session.find_run(execution)
    record = run_client.read_run(session.api, execution)
    if wave is not None and wave not in {each["name"] for each in record["waves"]}:
        end(REFUSED, f"{execution} has no wave {wave!r}")
    found = run_client.list_servers_in_order(session.api, record, wave) if servers else []
    if as_json:
        print_json({**record, "sourceServers": found} if servers else record)
    else:
        from cli.views.checked_servers import read_names
        from cli.views.failed_waves import FailedWaves, read_first_failed, read_first_unverified
        from cli.views.live import LiveView

        failed = FailedWaves(read_first_failed(session.api), session.options, read_first_unverified(session.api))
        view = LiveView(console(), session.options, session.speed, failed=failed, names=read_names(session.api, record))
        view.show(record)
        console().print(view.render(record))
        if record["reason"]:
            console().print(f"reason: {flatten(record['reason'])}", markup=False)
        if chain := describe_chain(record):
            console().print(chain, markup=False)
        if line := summarize_settings(read_applied(session.api, record)):
            console().print(f"{line}  {COMMAND} profiles applied {execution}{session.options}", markup=False)
        done = ["verdict"] * _print_assessment(session, record) + ["clean up"] * run_client.is_cleaned_up(
            session.api, record
        )
        if servers:
            _print_servers(found)
        print_next(session, record, done)
    raise typer.Exit(exit_status(record))


def _print_assessment(session: Session, record: Mapping[str, Any]) -> bool:
    """Print what people say of the run, if anything; return whether it has a verdict."""
    assessment = read_assessment(session.api, record)
    if line := describe_counting(assessment):
        console().print(line, style="red", markup=False, highlight=False)
    if line := describe_assessment(assessment):
        console().print(f"people: {line}", markup=False)
    return bool(assessment and assessment["verdict"])


def _print_servers(servers: Iterable[Mapping[str, Any]]) -> None:
    """Print the servers in columns, in the order of those of `drs-waves servers`, and what to do about failures."""
    rows = list(map(_server_row, servers))
    if rows:
        print_rows([("server", "host", "wave", "status", "instance", "reason"), *rows])
    print_advice(servers)


def _server_row(server: Mapping[str, Any]) -> tuple[str, ...]:
    checked = describe_verification(server["verification"]) if server.get("verification") else None
    reasons = "; ".join(filter(None, [server["reason"], checked, *server["warnings"]]))
    fields = (server["sourceServerId"], server["hostname"], server["wave"], server["status"])
    return tuple(cell or "" for cell in (*fields, server["recoveryInstanceId"], reasons))


@app.command("list", epilog="Example: drs-waves list --plan three-tier")
@connected
def list_(
    connection: Connection,
    plan: PlanOption = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            callback=_check_status,
            autocompletion=_complete_status,
            help=f"Only those that are {_STATUSES}.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="COUNT", min=1, max=200, help="At most so many, the newest.")
    ] = 20,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that wait for people, with the commands that answer.")
    ] = False,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first, with what each waits for."""
    if plan is not None and status is not None:
        raise typer.BadParameter("give --plan or --status, not both")
    if waiting and status is not None:
        raise typer.BadParameter("give --waiting or --status, not both")
    form = choose_output(output, as_json)
    session = Session.open(connection)
    if waiting:
        _list_waiting(session, session.find_plan(plan, by_prefix=True)["planId"] if plan is not None else None, form)
        return
    query = {"limit": str(limit)}
    if plan is not None:
        query["planId"] = session.find_plan(plan, by_prefix=True)["planId"]
    if status is not None:
        query["status"] = status
    print_listing(RUNS, session.api.get(RUNS.path, **query)[RUNS.items], form)


def _list_waiting(session: Session, plan_id: str | None, form: Output) -> None:
    """List the runs that wait for people, by the next deadline, then the longest wait first."""
    found = list(run_client.list_waiting(session.api, plan_id))
    if form is not Output.TABLE:
        print_listing(RUNS, found, form)
        return
    if not found:
        session.print_line("No run waits for people.")
    for each in found:
        run = run_client.read_run(session.api, each["executionId"])  # it has the time by the run's clock
        session.print_line(f"{run['executionId']}  {run['mode'].lower()} of {flatten(run['planName'])}")
        for wait, commands in describe_waits(run, session.options):
            if commands:
                session.print_line(fold_line(f"  {wait}:", session.width))
                for line in (line for command in commands for line in fold_command(command, session.width)):
                    session.print_line(f"    {line}")


@app.command(epilog="Example: drs-waves get '/executions?status=FAILED' --region us-west-2")
@connected
def get(
    connection: Connection,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A path of docs/api.md, such as /capacity.")],
) -> None:
    """Send a signed GET to the API, and print its JSON."""
    url = urlsplit(path)
    print_json(Session.open(connection).api.get_as_written(url.path, url.query))


@app.command(epilog="Example: drs-waves cleanup drill-20261122-081530-4f1c09 --dry-run")
@connected
def cleanup(
    connection: Connection,
    execution: ExecutionId,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be terminated, and do nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Without a terminal, nothing is asked.")] = False,
    idempotency_key: IdempotencyKey = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Terminate the instances of a drill, and follow that.

    The clean-up covers the drill's chain: the runs that it continues and that continue it. The instances of a recovery
    stay. On a terminal, the command shows the instances and asks.
    """
    session = Session.open(connection, as_json, interval)
    if dry_run:
        _show_cleanup(session, session.find_run(execution))
        return
    found = session.look_up_run(execution)
    if not yes and has_terminal():
        confirm_cleanup(session, found.execution_id)
    else:
        confirm_latest(found, "Clean up", yes=yes)
    raise typer.Exit(follow_cleanup(session, found.execution_id, idempotency_key or make_key()))


def _show_cleanup(session: Session, execution_id: str) -> None:
    """Print what a clean-up would terminate. End the command if it would be refused, or if something is unknown."""
    if run_client.read_run(session.api, execution_id)["mode"] == "RECOVERY":
        end(REFUSED, f"{execution_id} is a recovery; a clean-up terminates the instances of drills only.")
    found = preview_cleanup(session.api, execution_id)
    if session.as_json:
        print_json(found.to_json())
    else:
        console().print("\n".join(found.lines(session.connection.describe())), markup=False)
        console().print("Nothing was terminated.")
    raise typer.Exit(FAILED if found.unknown else 0)


def _verify_report(folder: Path | None) -> None:
    """Print what the check of the report in this folder finds, and end the command with its exit status."""
    if folder is None:
        return
    from cli.report.verify import verify
    from recovery import VERSION

    def check() -> None:
        try:
            found = verify(folder, VERSION)
        except FileNotFoundError as error:
            missing = flatten(Path(error.filename).name)
            end(FAILED, f"{flatten(folder)} has no {missing}: it is not a folder that a report was written to")
        for line in found.differences:
            print_error(line)
        for line in found.limits:
            console().print(line, markup=False)
        if not found.differences:
            console().print(f"The files in {flatten(folder)} belong together.", markup=False, soft_wrap=True)
            console().print(
                "They may all have been made anew: compare this with the digest that you noted.", markup=False
            )
        console().print(f"report.json  SHA-256 {found.json_sha256}", markup=False)
        raise typer.Exit(FAILED if found.differences else 0)

    exit_on_error(check)


@app.command(epilog="Example: drs-waves report drill-20261122-081530-4f1c09 --to build/report")
@connected
def report(
    connection: Connection,
    execution: ExecutionId,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            "--report",
            metavar="DIR",
            file_okay=False,
            help="The folder to write to.  [default: ./EXECUTION, the id of the run]",
        ),
    ] = None,
    with_transitions: Annotated[
        bool, typer.Option("--with-transitions", help="Count Step Functions' transitions; this reads every history.")
    ] = False,
    pdf: AsPdf = False,
    as_json: AsJson = False,
    verify: Annotated[
        Path | None,
        typer.Option(
            "--verify",
            metavar="DIR",
            exists=True,
            file_okay=False,
            is_eager=True,
            callback=_verify_report,
            help="Check instead whether the files of the report in this folder belong together. Needs neither the run "
            "nor the API; exits with 1 if a file differs.",
        ),
    ] = None,
) -> None:
    """Write the report of a run as HTML, JSON and CSV.

    The CSV has its servers. For a run in progress, the report shows the state so far.
    """
    from cli.report.transitions import count_transitions
    from report import files

    session = Session.open(connection, as_json)
    record = run_client.read_run(session.api, session.find_run(execution))
    costs = {"stateTransitions": count_transitions(connection, record)} if with_transitions else {}
    folder = to or Path(record["executionId"])
    write_report(session, record, folder, costs)
    printed = {"pdf": print_page(folder)} if pdf else {}
    if as_json:
        names = {"html": files.HTML_FILE, "json": files.JSON_FILE, "csv": files.CSV_FILE, **printed}
        print_json({kind: str(folder / name) for kind, name in names.items()})
