"""Follow a run or a clean-up to its end, and do what comes after a run: its summary, report and clean-up."""

import contextlib
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from cli import run_client
from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.connection import exit_status_after
from cli.exit_statuses import cleanup_exit_status, exit_status
from cli.notices import Notices
from cli.refusal import ApiRefused
from cli.repeat import AnswerLost, make_key
from cli.session import Session
from cli.terminal import FAILED, INTERRUPTED, console, end, print_error
from cli.text import COMMAND, describe_rto, format_checked, format_real_time, format_run_time, suggest_next
from cli.views.steps import count_actions, describe_verification
from recovery.clock import iso
from recovery.free_text import flatten
from recovery.wording import name_first, plural
from report.run_record import Record, has_launched
from report.words import format_duration

if TYPE_CHECKING:  # these take long to import, as do the imports within functions
    from cli.views.view import View

MAX_LINES, MAX_NAMES, MAX_SERVERS_READ = 20, 5, 1000


def follow_run(
    session: Session, execution_id: str, cleanup: bool, report: Path | None, opening: str | None = None
) -> NoReturn:
    """Show the run until it ends, then report and clean up if asked. Exit with the status of the run.

    `opening` is a line to print once the run is known to exist. If the run succeeded, exit with the status of
    the report and the clean-up.
    """
    from cli.views.json_lines import JsonView

    commands = _commands_to_go_on(session, execution_id, cleanup, report)
    record, late_notices = _watch(session, execution_id, commands, opening)
    status = exit_status(record)
    if not session.as_json:
        done = {"report": report is not None, "clean up": cleanup}
        print_summary(session, record, late_notices, [name for name, is_done in done.items() if is_done])
    follow_ups: list[tuple[Callable[[], int], str]] = []
    if report:  # before the clean-up, in case that fails
        command = f"{COMMAND} report {execution_id} --to {shlex.quote(str(report))}{session.options}"
        follow_ups.append((lambda: write_report(session, record, report, is_last=not cleanup), command))
    if cleanup:
        follow_ups.append((lambda: follow_cleanup(session, execution_id, make_key()), commands["Clean up then"]))
    if report and cleanup:  # again, because it has the result of the clean-up
        follow_ups.append((lambda: write_report(session, record, report), command))
    for number, (follow_up, command) in enumerate(follow_ups):
        try:
            follow_up_status = exit_status_after(follow_up, command)
        except KeyboardInterrupt:
            left = "".join(f"\n  {each}" for _, each in follow_ups[number:])
            end(INTERRUPTED, f"\nThe run has ended. What was to follow it:{left}")
        status = status or follow_up_status
    if session.as_json:
        JsonView().write("result", {"exitStatus": status, "execution": record})
    raise typer.Exit(status)


def _commands_to_go_on(session: Session, execution_id: str, cleanup: bool, report: Path | None) -> dict[str, str]:
    """The commands that do what a watch that ends early leaves undone, each with what it is for."""
    folder = f" --report {shlex.quote(str(report))}" if report else ""
    commands = {"Watch it again": f"{COMMAND} watch {execution_id}{folder}{session.options}"}
    if cleanup:
        commands["Clean up then"] = f"{COMMAND} cleanup {execution_id}{session.options}"
    return commands


def _watch(
    session: Session, execution_id: str, commands: Mapping[str, str], opening: str | None
) -> tuple[Record, list[str]]:
    """Show the run until it ends. Return its record, and the notices that the summary has to show.

    If that is cut short, say how to go on, and end.
    """
    go_on = "\n".join(f"{purpose}:  {command}" for purpose, command in commands.items())
    view = choose_view(session)
    observer = _Noticing(view, Notices(session.api), has_summary=not session.as_json, opening=opening)
    try:
        with view:
            record = run_client.watch_run(session.api, execution_id, observer, session.poll_seconds)
            return record, observer.late
    except KeyboardInterrupt:
        end(INTERRUPTED, f"\nThe run continues. {go_on}")
    except CredentialsExpired as error:
        end(FAILED, f"{error}\nThe run continues without this command. {go_on}")
    except ApiRefused as error:
        if not observer.has_shown:
            raise
        end(FAILED, f"{error}\nThe run continues without this command. {go_on}")


class _Noticing:
    """Gives a view the notices of the run before the record that has them.

    The warnings of launches are known at the end of a run. They go to its summary if it has one, as `late`.
    """

    def __init__(self, view: "View", notices: Notices, has_summary: bool, opening: str | None) -> None:
        self._view, self._notices, self._has_summary = view, notices, has_summary
        self.has_shown, self._opening = False, opening
        self.late: list[str] = []

    def show(self, record: Record) -> None:
        if self._opening and not self.has_shown:
            console().print(self._opening, markup=False)
        lines = self._notices.find(record)
        if self._has_summary and has_launched(record):
            self.late, lines = lines, []
        for line in lines:
            self._view.notice(line)
        self._view.show(record)
        self.has_shown = True

    def trouble(self, message: str | None) -> None:
        self._view.trouble(message)


def choose_view(session: Session) -> "View":
    """JSON lines if asked for, the live view on a terminal, lines of text elsewhere."""
    from cli.views.json_lines import JsonView
    from cli.views.lines import LineView

    if session.as_json:
        return JsonView()
    if not console().is_terminal:
        return LineView(console(), session.options, session.speed)

    from cli.views.capacity import CapacityPoller
    from cli.views.failed_waves import FailedWaves, read_first_failed, read_first_unverified
    from cli.views.live import LiveView

    failed = FailedWaves(read_first_failed(session.api), session.options, read_first_unverified(session.api))
    api = session.connection.open_api()  # the poller's thread needs a client of its own
    capacity = CapacityPoller(lambda account_id, region: _read_capacity(api, account_id, region), session.speed)
    return LiveView(console(), session.options, session.speed, capacity, failed=failed)


def _read_capacity(api: ApiClient, account_id: str, region: str) -> Mapping[str, Any]:
    capacity: Mapping[str, Any] = api.get(f"/capacity/{account_id}/{region}")
    return capacity


def follow_cleanup(session: Session, execution_id: str, key: str) -> int:
    """Terminate the instances of a drill, show that until it ends, and return its exit status.

    `key` is the Idempotency-Key. Raise ApiRefused.
    """
    from cli.views.cleanup import CleanupView
    from cli.views.json_lines import JsonView

    view = CleanupView(session.print_line, JsonView() if session.as_json else None)
    command = f"{COMMAND} cleanup {execution_id}{session.options}"
    again = f"{COMMAND} cleanup {execution_id} --idempotency-key {shlex.quote(key)}{session.options}"
    look = f"{COMMAND} get /executions/{execution_id}/cleanup{session.options}"
    try:
        cleanup = run_client.clean_up(session.api, execution_id, view, session.poll_seconds, key)
    except KeyboardInterrupt:
        begun = "continues" if view.has_shown else "may have begun"
        end(INTERRUPTED, f"\nThe clean-up {begun}. See it:  {look}\nFollow it again:  {again}")
    except AnswerLost as error:
        print_error(f"{error}\nThe clean-up may have begun. See it:  {look}\nSend the same request again:  {again}")
        return FAILED
    except CredentialsExpired as error:
        begun = "continues without this command" if view.has_shown else "has not begun"
        print_error(f"{error}\nThe clean-up {begun}. Then go on:  {again if view.has_shown else command}")
        return FAILED
    return cleanup_exit_status(cleanup)


def write_report(
    session: Session,
    record: Record,
    folder: Path,
    costs: Mapping[str, Any] | None = None,
    *,
    is_last: bool = True,
) -> int:
    """Write the report of the run to the folder, print its paths, and return 0.

    The digest to note is that of the last one. A report that another one replaces has none.
    """
    from cli.report.write import write_report as write_files
    from report.collect import collect_facts

    is_sandbox = session.connection.sandbox
    facts = collect_facts(session.api, record, costs, session.speed, is_sandbox=is_sandbox, made_at=iso(session.now))
    written = write_files(facts, folder)
    session.print_line(f"  report    {flatten(written.html)}")
    session.print_line(f"            {flatten(written.csv)}")
    digest = f"SHA-256 {written.json_sha256}" if is_last else "written again after the clean-up"
    session.print_line(f"            {flatten(written.json)}, {digest}")
    return 0


# --- the summary ------------------------------------------------------------------------------------------------
def print_summary(session: Session, record: Record, notices: Iterable[str], done: Collection[str] = ()) -> None:
    """Print how the run ended, the servers that need attention first, its times, these notices, and what to do next.

    `done` names what follows by itself, such as `report`, and so need not be suggested.
    """
    from rich.markup import escape

    colour = "red" if exit_status(record) else "green"
    servers = record["servers"]
    console().print(f"[{colour}]{record['status']}[/{colour}]  {escape(flatten(record['reason'] or ''))}")
    is_odd = servers["failed"] or servers["excluded"] or servers.get("unverified")
    if record["status"] in ("READY", "NOT_READY") or is_odd:
        _print_servers(session, record)
    if record["mode"] == "READINESS":
        _print_warnings(session, record)
    else:
        launched = f"{servers['launched']} of {servers['total']} launched"
        counts = f"{launched}, {servers['failed']} failed, {servers['excluded']} excluded{format_checked(servers)}"
        console().print(f"  servers   {counts}")
    if actions := count_actions(record):
        console().print(f"  actions   {actions}", markup=False)
    real = format_real_time(record["durationSeconds"], session.speed)
    time = f"{format_run_time(record)}{f' ({real})' if real else ''}"
    console().print(f"  time      {time}", markup=False)
    for line in describe_rto(record, _servers_for_rto(session, record)):
        console().print(f"  RTO       {line}", markup=False)
    if steps := _describe_steps(record):
        console().print(f"  {steps}", markup=False)
    for line in notices:
        console().print(f"  {line}", markup=False)
    print_next(session, record, done)


def _describe_steps(record: Record) -> str:
    """When the last servers were launched and verified; nothing for a run without checks, or that was cut short."""
    from report.steps import measure_steps

    times = measure_steps(record)
    if None in times.values():
        return ""
    launched, verified = map(format_duration, times.values())
    return f"reached   launched after {launched}, verified after {verified}"


def _servers_for_rto(session: Session, record: Record) -> list[Mapping[str, Any]]:
    """The servers of a run, if those that were not launched decide on a target."""
    targets = [each.get("rtoTargetMinutes") for each in (record, *record["waves"])]
    servers = record["servers"]
    are_all_back = servers["launched"] == servers["total"] and not servers.get("unverified")
    if record["mode"] == "READINESS" or are_all_back or not any(targets):
        return []
    return list(run_client.walk_servers(session.api, record["executionId"]))


def print_next(session: Session, record: Record, done: Collection[str] = ()) -> None:
    """Print what to do next about the run, as commands."""
    for name, command in suggest_next(record, session.options, without=done):
        console().print(f"  {name:<8}  {command}", markup=False)


def _print_servers(session: Session, record: Record) -> None:
    """Print the servers that failed or are excluded, with the reasons, and what to do about each kind of cause."""
    api, execution_id = session.api, record["executionId"]
    failed, excluded = (
        list(islice(run_client.walk_servers(api, execution_id, status=status), MAX_SERVERS_READ))
        for status in ("FAILED", "EXCLUDED")
    )
    unverified = list(_list_unverified(api, record))
    for line in _describe_servers((*failed, *unverified, *excluded)):
        console().print(f"  {line}", markup=False)
    print_advice(failed)


def _print_warnings(session: Session, record: Record) -> None:
    """Print what readiness warns of, because a READY plan can have it. An API that does not answer has none."""
    from cli.views.readiness import list_warnings

    with contextlib.suppress(ApiRefused, ApiUnreachable):
        for line in list_warnings(session.api.get(f"/executions/{record['executionId']}/findings")["findings"]):
            console().print(f"  {line}", markup=False)


def _list_unverified(api: ApiClient, record: Record) -> Iterable[Mapping[str, Any]]:
    if not record["servers"].get("unverified"):
        return ()
    found = run_client.walk_servers(api, record["executionId"], verification="UNVERIFIED")
    return islice(found, MAX_SERVERS_READ)


def _describe_servers(servers: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each reason, with the first servers of a wave that have it. `and 3 more` counts servers."""
    alike: dict[tuple[str, str], list[str]] = {}
    for server in servers:
        alike.setdefault(_describe_result(server), []).append(flatten(server["hostname"] or server["sourceServerId"]))
    lines = [f"{status}{name_first(names, MAX_NAMES)} {rest}" for (status, rest), names in alike.items()]
    others = sum(len(names) for names in list(alike.values())[MAX_LINES:])
    return [*lines[:MAX_LINES], *([f"and {plural(others, 'more server')}"] if others else [])]


def _describe_result(server: Mapping[str, Any]) -> tuple[str, str]:
    """What a line says before the name of a server and after it."""
    if (found := server.get("verification")) and server["status"] == "LAUNCHED":
        return "", f"({server['wave']}): {describe_verification(found)}"
    cause = f" [{server['cause']}]" if server.get("cause") else ""
    reason = server.get("reason") or "no reason is on record"
    return f"{server['status']:<9} ", f"({server['wave']}): {flatten(reason)}{cause}"


def print_advice(servers: Iterable[Mapping[str, Any]]) -> None:
    """Print what to do about each kind of cause for which servers failed."""
    failed = [server for server in servers if server["status"] == "FAILED" and server.get("advice")]
    for cause, advice in {server["cause"]: server["advice"] for server in failed}.items():
        console().print(f"  {flatten(cause)}: {flatten(advice)}", markup=False)
