"""Follow a run or a clean-up to its end, and do what comes after a run: its summary, report and clean-up."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from cli import run_client
from cli.api_client import ApiClient
from cli.connection import exit_status_after
from cli.run_record import Record, cleanup_exit_status, exit_status
from cli.session import Session
from cli.terminal import INTERRUPTED, console, end
from cli.text import COMMAND, clean, format_real_time, format_run_time

if TYPE_CHECKING:  # these take long to import, as do the imports within functions
    from cli.views.view import View

MAX_SERVERS_SHOWN = 20


def follow_run(
    session: Session, execution_id: str, cleanup: bool, report: Path | None, interrupt_hint: str = ""
) -> NoReturn:
    """Show the run until it ends, then report and clean up if asked. Exit with the status of the run.

    If the run succeeded, exit with the status of the report and the clean-up.
    """
    from cli.views.json_lines import JsonView

    view = choose_view(session)
    try:
        with view:
            record = run_client.watch_run(session.api, execution_id, view, session.poll_seconds)
    except KeyboardInterrupt:
        command = f"{COMMAND} watch {execution_id}{session.options}"
        end(INTERRUPTED, f"\nThe run continues. Watch it again:  {command}{interrupt_hint}")
    status = exit_status(record)
    if not session.as_json:
        print_summary(session, record)
    follow_ups: list[Callable[[], int]] = []
    if report:  # before the clean-up, which terminates the instances that the report lists
        follow_ups.append(lambda: write_report(session, record, report))
    if cleanup:
        follow_ups.append(lambda: follow_cleanup(session, execution_id))
    for follow_up in follow_ups:
        follow_up_status = exit_status_after(follow_up)
        status = status or follow_up_status
    if session.as_json:
        JsonView().write("result", {"exitStatus": status, "execution": record})
    raise typer.Exit(status)


def choose_view(session: Session) -> "View":
    """JSON lines if asked for, the live view on a terminal, lines of text elsewhere."""
    from cli.views.json_lines import JsonView
    from cli.views.lines import LineView

    if session.as_json:
        return JsonView()
    if not console().is_terminal:
        return LineView(console(), session.options, session.speed)

    from cli.views.capacity import CapacityPoller
    from cli.views.live import LiveView

    api = session.connection.open_api()  # the poller's thread needs a client of its own
    capacity = CapacityPoller(lambda account_id, region: _read_capacity(api, account_id, region))
    return LiveView(console(), session.options, session.speed, capacity)


def _read_capacity(api: ApiClient, account_id: str, region: str) -> Mapping[str, Any]:
    capacity: Mapping[str, Any] = api.get(f"/capacity/{account_id}/{region}")
    return capacity


def follow_cleanup(session: Session, execution_id: str) -> int:
    """Terminate the instances of a drill, show that until it ends, and return its exit status. Raise ApiRefused."""
    from cli.views.cleanup import CleanupView
    from cli.views.json_lines import JsonView

    view = CleanupView(session.print_line, JsonView() if session.as_json else None)
    try:
        cleanup = run_client.clean_up(session.api, execution_id, view, session.poll_seconds)
    except KeyboardInterrupt:
        command = f"{COMMAND} cleanup {execution_id}{session.options}"
        end(INTERRUPTED, f"\nThe clean-up continues. See it again:  {command}")
    if not session.as_json and cleanup.get("reason"):
        session.print_line(f"  {clean(cleanup['reason'])}")
    return cleanup_exit_status(cleanup)


def write_report(session: Session, record: Record, folder: Path, costs: Mapping[str, Any] | None = None) -> int:
    """Write the report of the run to the folder, print its path, and return 0."""
    from cli.report import collect

    path = collect.write_report(collect.collect_facts(session.api, record, costs, session.speed), folder)
    session.print_line(f"  report    {path}")
    return 0


# --- the summary ------------------------------------------------------------------------------------------------
def print_summary(session: Session, record: Record) -> None:
    """Print how the run ended, the servers that need attention, and how to recover the rest."""
    from rich.markup import escape

    colour = "red" if exit_status(record) else "green"
    servers = record["servers"]
    console().print(f"[{colour}]{record['status']}[/{colour}]  {escape(clean(record['reason'] or ''))}")
    if record["mode"] != "READINESS":
        launched = f"{servers['launched']} of {servers['total']} launched"
        console().print(f"  servers   {launched}, {servers['failed']} failed, {servers['excluded']} excluded")
    time = f"{format_run_time(record)} {format_real_time(record['durationSeconds'], session.speed)}"
    console().print(f"  time      {time}".rstrip(), markup=False)
    if record["status"] in ("READY", "NOT_READY") or servers["failed"] or servers["excluded"]:
        _print_servers(session, record)
    if record["status"] in ("PARTIAL", "FAILED", "CANCELLED") and servers["launched"] < servers["total"]:
        console().print(f"  the rest  {COMMAND} continue {record['executionId']}{session.options}", markup=False)


def _print_servers(session: Session, record: Record) -> None:
    """Print the servers that failed or have warnings, with the reasons, and what to do about each kind of cause."""
    for note in record["notes"]:
        console().print(f"  note      {clean(note)}", markup=False)
    lines, servers = [], list(run_client.list_servers(session.api, record["executionId"]))
    for server in servers:
        warnings = server.get("warnings", ())
        reasons = "; ".join(filter(None, [server.get("reason"), *warnings]))
        state = server["status"] if server["status"] in ("FAILED", "EXCLUDED") else server.get("readiness")
        if state in ("READY", None) and warnings:  # it was ready, and its launch has a warning
            state = "WARN"
        if reasons and state not in ("READY", None):
            name = server["hostname"] or server["sourceServerId"]
            lines.append(f"  {state:<9} {clean(name)} ({server['wave']}): {clean(reasons)}")
    for line in lines[:MAX_SERVERS_SHOWN]:
        console().print(line, markup=False)
    if len(lines) > MAX_SERVERS_SHOWN:
        console().print(f"            and {len(lines) - MAX_SERVERS_SHOWN} more", markup=False)
    print_advice(servers)


def print_advice(servers: Iterable[Mapping[str, Any]]) -> None:
    """Print what to do about each kind of cause for which servers failed."""
    failed = [server for server in servers if server["status"] == "FAILED" and server.get("advice")]
    for cause, advice in {server["cause"]: server["advice"] for server in failed}.items():
        console().print(f"  {clean(cause)}: {clean(advice)}", markup=False)
