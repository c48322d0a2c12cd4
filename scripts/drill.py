"""Start drills and recoveries, watch them, answer what they ask, clean up after them and report on them.

Exit status: 0 done (COMPLETED, READY, or what was asked is done), 1 the run failed, in part or whole, or was called
off, or the API cannot be reached, 2 the command is not valid, 3 refused (NOT_READY, nothing of this id or name, or
not in this state), 130 after Ctrl-C, which leaves the run going on.
"""

import json
import re
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

import typer
from rich.console import Console
from rich.markup import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from scripts import gather, runs, view  # noqa: E402  # the root has to be on the path first
from scripts.client import SANDBOX_FILE, Api, ApiRefused, ApiUnreachable  # noqa: E402
from scripts.connection import FAILED, INTERRUPTED, INVALID, REFUSED, Connection, connected, end, errors  # noqa: E402
from scripts.runs import Record  # noqa: E402
from scripts.view import COMMAND, clean  # noqa: E402

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, rich_markup_mode=None)
console = Console(highlight=False, soft_wrap=True)

# Seconds between two looks. On AWS a run takes an hour; a simulated minute is a second.
LOOK, LOOK_IN_SANDBOX = 5.0, 1.0


class Mode(StrEnum):
    """What `run` starts."""

    DRILL = "drill"
    RECOVERY = "recovery"


Plan = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, or its exact name.")]


def _id(text: str) -> str:
    """An id becomes part of a path; what could lead elsewhere is none."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", text):
        raise typer.BadParameter(f"{clean(text)[:80]!r} is no such id")
    return text


ExecutionId = Annotated[str, typer.Argument(metavar="EXECUTION", help="The id of the run.", callback=_id)]
WaveName = Annotated[str, typer.Argument(metavar="WAVE", help="The name of the wave.", callback=_id)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else on standard output.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end, or only start it.")]
Cleanup = Annotated[
    bool, typer.Option("--cleanup", help="Terminate the drill's instances afterwards, however it ends.")
]
ReportTo = Annotated[
    Path | None, typer.Option("--report", file_okay=False, help="Write report.html and report.json to this folder.")
]
Comment = Annotated[str, typer.Option("--comment", help="What the record is to say of why.")]
Interval = Annotated[
    float | None, typer.Option("--interval", min=0.2, max=600, help="Seconds between two looks at the run.")
]


@dataclass(frozen=True, slots=True)
class _Seat:
    """Where somebody sits who follows a run: which deployment, and how they want to see it."""

    connection: Connection
    api: Api
    as_json: bool
    interval: float | None = None

    @property
    def options(self) -> str:
        return self.connection.options

    @property
    def speed(self) -> float | None:
        """Of the sandbox; None on AWS."""
        if not self.connection.sandbox:
            return None
        return float(json.loads(SANDBOX_FILE.read_text()).get("speed", 1))

    @property
    def pause(self) -> float:
        return self.interval or (LOOK_IN_SANDBOX if self.connection.sandbox else LOOK)

    def say(self, text: str) -> None:
        """For people; where standard output is for a program, on standard error."""
        (errors if self.as_json else console).print(text, markup=False)


def _seat(connection: Connection, as_json: bool = False, interval: float | None = None) -> _Seat:
    return _Seat(connection, connection.api, as_json, interval)


# --- starting ---------------------------------------------------------------------------------------------------
@app.command(epilog="Example: python scripts/drill.py run three-tier --sandbox --cleanup --report build/report")
@connected
def run(
    connection: Connection,
    plan: Plan,
    mode: Annotated[Mode, typer.Option("--mode", help="A drill launches copies; a recovery is the real thing.")] = (
        Mode.DRILL
    ),
    wait: Wait = True,
    cleanup: Cleanup = False,
    point_in_time: Annotated[
        str | None, typer.Option("--point-in-time", metavar="T", help="Recover this moment: 2026-11-22T08:15:30Z.")
    ] = None,
    report: ReportTo = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start a recovery without asking.")] = False,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Start a run of a plan and follow it to its end.

    A recovery is started only when the plan's name is typed, or with --yes.
    """
    _require_waiting(wait, cleanup, report)
    if mode is Mode.RECOVERY and cleanup:
        raise typer.BadParameter("--cleanup is for drills; a recovery's instances are what you wanted")
    if mode is Mode.RECOVERY and not yes and not _has_terminal():
        end(INVALID, "A recovery has to be confirmed, and there is no terminal to ask on: give --yes.")
    seat = _seat(connection, as_json, interval)
    found = _plan(seat.api, plan)
    if mode is Mode.RECOVERY and not yes:
        _confirm(found)
    _follow(seat, lambda: _start(seat, found, mode.value, point_in_time), wait, cleanup, report)


@app.command(epilog="Example: python scripts/drill.py readiness three-tier --stack drs-waves --region us-west-2")
@connected
def readiness(
    connection: Connection,
    plan: Plan,
    wait: Wait = True,
    point_in_time: Annotated[
        str | None, typer.Option("--point-in-time", metavar="T", help="Look for snapshots of this moment.")
    ] = None,
    report: ReportTo = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Look whether a run of the plan would succeed, and what is against it. Nothing is launched."""
    _require_waiting(wait, False, report)
    seat = _seat(connection, as_json, interval)
    found = _plan(seat.api, plan)
    _follow(seat, lambda: _start(seat, found, "readiness", point_in_time), wait, False, report)


@app.command("continue", epilog="Example: python scripts/drill.py continue drill-20261122-081530-4f1c09")
@connected
def continue_(
    connection: Connection,
    execution: ExecutionId,
    wait: Wait = True,
    cleanup: Cleanup = False,
    report: ReportTo = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Start a run that recovers what an ended one did not launch, and follow it."""
    _require_waiting(wait, cleanup, report)
    seat = _seat(connection, as_json, interval)

    def start() -> Record:
        body: Record = seat.api.call("POST", f"/executions/{execution}/continue")
        return body

    _follow(seat, start, wait, cleanup, report)


def _require_waiting(wait: bool, cleanup: bool, report: Path | None) -> None:
    if not wait and (cleanup or report):
        raise typer.BadParameter("--no-wait goes with neither --cleanup nor --report; both come after the run")


def _plan(api: Api, wanted: str) -> dict[str, Any]:
    try:
        return runs.find_plan(api, wanted)
    except runs.PlanUnknown as error:
        end(REFUSED, str(error))


def _has_terminal() -> bool:
    return sys.stdin.isatty()


def _confirm(plan: Mapping[str, Any]) -> None:
    name = plan["name"]
    errors.print(escape(f"A recovery of {clean(name)} launches the real thing, in {len(plan['waves'])} waves."))
    try:
        typed = typer.prompt("Type the plan's name to start it", err=True)
    except typer.Abort:
        typed = ""
    if typed.strip() != name:
        end(REFUSED, "That is not its name. Nothing was started.")


def _start(seat: _Seat, plan: Mapping[str, Any], mode: str, point_in_time: str | None) -> Record:
    listing = f"{COMMAND} list --plan {plan['planId']}{seat.options}"
    try:
        return runs.start(seat.api, plan["planId"], mode, point_in_time)
    except ApiUnreachable as error:
        end(FAILED, f"{error}\nThe run may have been started all the same; see:  {listing}")
    except KeyboardInterrupt:
        end(INTERRUPTED, f"\nThe run may have been started; see:  {listing}")
    except ApiRefused as error:
        body = error.reply.body if isinstance(error.reply.body, dict) else {}
        if body.get("code") != "PlanAlreadyRunning" or not body.get("executionId"):
            raise
        end(REFUSED, f"{error}\nWatch it:  {COMMAND} watch {body['executionId']}{seat.options}")


def _follow(seat: _Seat, start: Callable[[], Record], wait: bool, cleanup: bool, report: Path | None) -> None:
    started = start()
    execution_id = started["executionId"]
    if not wait:
        if seat.as_json:
            _json(started)
        else:
            seat.say(f"{execution_id} is started. Watch it:  {COMMAND} watch {execution_id}{seat.options}")
        return
    if not seat.as_json:
        seat.say(f"{execution_id}  {started['mode'].lower()} of {clean(started['planName'])}")
    later = f"\nClean up then:  {COMMAND} cleanup {execution_id}{seat.options}" if cleanup else ""
    _finish(seat, execution_id, cleanup, report, later)


# --- watching ---------------------------------------------------------------------------------------------------
@app.command(epilog="Example: python scripts/drill.py watch drill-20261122-081530-4f1c09 --region us-west-2")
@connected
def watch(
    connection: Connection,
    execution: ExecutionId,
    report: ReportTo = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Follow a run to its end. Ctrl-C stops the watching and not the run."""
    _finish(_seat(connection, as_json, interval), execution, cleanup=False, report=report)


def _finish(seat: _Seat, execution_id: str, cleanup: bool, report: Path | None, later: str = "") -> NoReturn:
    """Watch to the end, say how it ended, and do what comes after; leave with the exit status of the whole."""
    screen = _screen(seat)
    try:
        with screen:
            record = runs.watch(seat.api, execution_id, screen, seat.pause)
    except KeyboardInterrupt:
        end(INTERRUPTED, f"\nThe run goes on. Watch it again:  {COMMAND} watch {execution_id}{seat.options}{later}")
    status = runs.exit_status(record)
    if not seat.as_json:
        _tell_end(seat, record)
    after: list[Callable[[], int]] = []
    if report:  # first, for it tells of the instances that a clean-up would take
        after.append(lambda: _write_report(seat, record, report))
    if cleanup:
        after.append(lambda: _clean_up(seat, execution_id))
    for work in after:
        problem = _tried(work)
        status = status or problem
    if seat.as_json:
        view.JsonScreen().write("result", {"exitStatus": status, "execution": record})
    raise typer.Exit(status)


def _tried(work: Callable[[], int]) -> int:
    """Its exit status; what goes wrong after a run must not hide how the run ended."""
    try:
        return work()
    except (ApiRefused, ApiUnreachable, OSError) as error:
        errors.print(escape(str(error)), style="red")
        return FAILED


def _screen(seat: _Seat) -> view.Screen:
    if seat.as_json:
        return view.JsonScreen()
    if not console.is_terminal:
        return view.PlainScreen(console, seat.options, seat.speed)
    asked = seat.connection.api  # a client of its own, for it is used by a thread of its own
    look = view.CapacityLook(lambda account, region: _capacity(asked, account, region))
    return view.LiveScreen(console, seat.options, seat.speed, look)


def _capacity(api: Api, account_id: str, region: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = api.get(f"/capacity/{account_id}/{region}")
    return entry


def _tell_end(seat: _Seat, record: Record) -> None:
    colour = {0: "green", REFUSED: "red"}.get(runs.exit_status(record), "red")
    took = view.whole_time(record)
    real = view.in_real_time(record["durationSeconds"], seat.speed)
    console.print(f"[{colour}]{record['status']}[/{colour}]  {escape(clean(record['reason'] or ''))}")
    servers = record["servers"]
    if record["mode"] != "READINESS":
        said = f"{servers['launched']} of {servers['total']} launched, {servers['failed']} failed"
        console.print(f"  servers   {said}, {servers['excluded']} excluded")
    console.print(f"  time      {took} {real}".rstrip(), markup=False)
    if record["status"] in ("READY", "NOT_READY") or servers["failed"] or servers["excluded"]:
        _tell_servers(seat, record)
    if record["status"] in ("PARTIAL", "FAILED", "CANCELLED") and servers["launched"] < servers["total"]:
        console.print(f"  the rest  {COMMAND} continue {record['executionId']}{seat.options}", markup=False)


def _tell_servers(seat: _Seat, record: Record) -> None:
    """The servers that people should look at, with the reasons."""
    for note in record["notes"]:
        console.print(f"  note      {clean(note)}", markup=False)
    told = 0
    for server in runs.servers(seat.api, record["executionId"]):
        why = "; ".join(filter(None, [server.get("reason"), *server.get("warnings", ())]))
        state = server["status"] if server["status"] in ("FAILED", "EXCLUDED") else server.get("readiness")
        if why and state not in ("READY", None):
            told += 1
            if told <= 20:
                name = server["hostname"] or server["sourceServerId"]
                console.print(f"  {state:<9} {clean(name)} ({server['wave']}): {clean(why)}", markup=False)
    if told > 20:
        console.print(f"            and {told - 20} more", markup=False)


@app.command(epilog="Example: python scripts/drill.py status drill-20261122-081530-4f1c09 --json")
@connected
def status(
    connection: Connection,
    execution: ExecutionId,
    servers: Annotated[bool, typer.Option("--servers", help="List its source servers too.")] = False,
    wave: Annotated[str | None, typer.Option("--wave", help="With --servers: only those of this wave.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far a run is. Exit status 0 while it is on, or how it ended."""
    if wave and not servers:
        raise typer.BadParameter("--wave goes with --servers")
    seat = _seat(connection, as_json)
    record = runs.read(seat.api, execution)
    if wave and wave not in {each["name"] for each in record["waves"]}:
        end(REFUSED, f"{execution} has no wave {wave!r}")
    found = runs.servers(seat.api, execution, wave) if servers else []
    if as_json:
        _json({**record, "sourceServers": found} if servers else record)
    else:
        screen = view.LiveScreen(console, seat.options, seat.speed)
        console.print(screen.picture(record))
        if record["reason"]:
            console.print(clean(record["reason"]), markup=False)
        head = ("server", "host", "wave", "status", "instance", "reason")
        rows = [head, *(_server_row(each) for each in found)]
        _print_rows(rows if servers else [])
    raise typer.Exit(runs.exit_status(record))


def _server_row(server: Mapping[str, Any]) -> tuple[str, ...]:
    why = "; ".join(filter(None, [server["reason"], *server["warnings"]]))
    shown = (server["sourceServerId"], server["hostname"], server["wave"], server["status"])
    return tuple(clean(word or "") for word in (*shown, server["recoveryInstanceId"], why))


def _print_rows(rows: list[tuple[str, ...]]) -> None:
    """In columns, never folded: ids are there to be copied."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True))
        console.print(line.rstrip(), markup=False)


@app.command("list", epilog="Example: python scripts/drill.py list --plan three-tier")
@connected
def list_(
    connection: Connection,
    plan: Annotated[str | None, typer.Option("--plan", help="Only those of this plan, by id or name.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only those of this status: POLLING, ...")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="At most so many, the newest.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    if plan and status:
        raise typer.BadParameter("give --plan or --status, not both")
    api = _seat(connection).api
    query = {"limit": str(limit)}
    if plan:
        query["planId"] = _plan(api, plan)["planId"]
    if status:
        query["status"] = status.upper()
    found = api.get("/executions", **query)["executions"]
    if as_json:
        _json({"executions": found})
        return
    rows: list[tuple[str, ...]] = [("execution", "plan", "mode", "status", "requested", "by")]
    for each in found:
        at = each["requestedAt"][:19].replace("T", " ")
        words = (each["executionId"], each["planName"], each["mode"].lower(), each["status"], at, each["requestedBy"])
        rows.append(tuple(clean(word) for word in words))
    _print_rows(rows if found else [("There are no runs.",)])


@app.command(epilog="Example: python scripts/drill.py get '/executions?status=FAILED' --region us-west-2")
@connected
def get(
    connection: Connection, path: Annotated[str, typer.Argument(help="A path of docs/api.md, such as /capacity.")]
) -> None:
    """Print what the API answers to a GET, signed as all the others, as JSON."""
    asked = urlsplit(path)
    _json(_seat(connection).api.get(asked.path, **dict(parse_qsl(asked.query))))


# --- deciding ---------------------------------------------------------------------------------------------------
def _decide(connection: Connection, path: str, word: str, comment: str, as_json: bool) -> None:
    seat = _seat(connection, as_json)
    execution_id = path.split("/")[2]
    try:
        record: Record = seat.api.call("POST", f"{path}/{word}", {"comment": comment} if comment else None)
    except ApiUnreachable as error:
        end(FAILED, f"{error}\nIt may have been recorded all the same. Sent again it is harmless.")
    if as_json:
        _json(record)
        return
    seat.say(f"{word} is recorded; {execution_id} is {record['status']}")
    for said, commands in view.answers(record, seat.options):
        seat.say("\n  ".join([f"{said}:", *commands]))
    if record["status"] in runs.UNFINISHED:
        seat.say(f"Watch it:  {COMMAND} watch {execution_id}{seat.options}")


@app.command(epilog="Example: python scripts/drill.py approve drill-20261122-081530-4f1c09 web --comment checked")
@connected
def approve(
    connection: Connection, execution: ExecutionId, wave: WaveName, comment: Comment = "", as_json: AsJson = False
) -> None:
    """Let a wave go that waits for approval."""
    _decide(connection, f"/executions/{execution}/waves/{wave}", "approve", comment, as_json)


@app.command(epilog='Example: python scripts/drill.py reject drill-20261122-081530-4f1c09 web --comment "not today"')
@connected
def reject(
    connection: Connection, execution: ExecutionId, wave: WaveName, comment: Comment = "", as_json: AsJson = False
) -> None:
    """Skip a wave that waits for approval."""
    _decide(connection, f"/executions/{execution}/waves/{wave}", "reject", comment, as_json)


@app.command(epilog="Example: python scripts/drill.py retry drill-20261122-081530-4f1c09 web")
@connected
def retry(
    connection: Connection, execution: ExecutionId, wave: WaveName, comment: Comment = "", as_json: AsJson = False
) -> None:
    """Try the failed servers of a wave that asks once more."""
    _decide(connection, f"/executions/{execution}/waves/{wave}", "retry", comment, as_json)


@app.command(epilog="Example: python scripts/drill.py accept drill-20261122-081530-4f1c09 web")
@connected
def accept(
    connection: Connection, execution: ExecutionId, wave: WaveName, comment: Comment = "", as_json: AsJson = False
) -> None:
    """Take a wave that failed and asks as good enough."""
    _decide(connection, f"/executions/{execution}/waves/{wave}", "accept", comment, as_json)


@app.command(epilog="Example: python scripts/drill.py abort drill-20261122-081530-4f1c09 web")
@connected
def abort(
    connection: Connection, execution: ExecutionId, wave: WaveName, comment: Comment = "", as_json: AsJson = False
) -> None:
    """Give up a wave that failed and asks, and stop the run."""
    _decide(connection, f"/executions/{execution}/waves/{wave}", "abort", comment, as_json)


@app.command(epilog="Example: python scripts/drill.py pause drill-20261122-081530-4f1c09")
@connected
def pause(connection: Connection, execution: ExecutionId, comment: Comment = "", as_json: AsJson = False) -> None:
    """Hold a run at the next wave or batch; jobs that run are followed."""
    _decide(connection, f"/executions/{execution}", "pause", comment, as_json)


@app.command(epilog="Example: python scripts/drill.py resume drill-20261122-081530-4f1c09")
@connected
def resume(connection: Connection, execution: ExecutionId, comment: Comment = "", as_json: AsJson = False) -> None:
    """Let go what a pause, or the plan, holds."""
    _decide(connection, f"/executions/{execution}", "resume", comment, as_json)


@app.command(epilog="Example: python scripts/drill.py cancel drill-20261122-081530-4f1c09")
@connected
def cancel(connection: Connection, execution: ExecutionId, comment: Comment = "", as_json: AsJson = False) -> None:
    """Start nothing more of a run; jobs that run are followed to their end."""
    _decide(connection, f"/executions/{execution}", "cancel", comment, as_json)


# --- afterwards -------------------------------------------------------------------------------------------------
@app.command(epilog="Example: python scripts/drill.py cleanup drill-20261122-081530-4f1c09")
@connected
def cleanup(connection: Connection, execution: ExecutionId, interval: Interval = None, as_json: AsJson = False) -> None:
    """Terminate the instances that a drill launched, and follow that to its end. A recovery is refused."""
    raise typer.Exit(_clean_up(_seat(connection, as_json, interval), execution))


def _clean_up(seat: _Seat, execution_id: str) -> int:
    lines = view.CleanupLines(seat.say, view.JsonScreen() if seat.as_json else None)
    try:
        state = runs.clean_up(seat.api, execution_id, lines, seat.pause)
    except KeyboardInterrupt:
        end(INTERRUPTED, f"\nThe clean-up goes on. See it again:  {COMMAND} cleanup {execution_id}{seat.options}")
    if not seat.as_json and state.get("reason"):
        seat.say(f"  {clean(state['reason'])}")
    return runs.cleanup_exit_status(state)


@app.command(epilog="Example: python scripts/drill.py report drill-20261122-081530-4f1c09 --to build/report")
@connected
def report(
    connection: Connection,
    execution: ExecutionId,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", file_okay=False, help="The folder to write to.")],
    with_transitions: Annotated[
        bool, typer.Option("--with-transitions", help="Count Step Functions' transitions; reads every history.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the report of a run, as a page and as JSON. Of a run that is on it tells how far it is."""
    seat = _seat(connection, as_json)
    record = runs.read(seat.api, execution)
    costs = {"stateTransitions": gather.transitions(connection, record)} if with_transitions else {}
    _write_report(seat, record, to, costs)
    if as_json:
        _json({"html": str(to / gather.HTML), "json": str(to / gather.JSON)})


def _write_report(seat: _Seat, record: Record, to: Path, costs: Mapping[str, Any] | None = None) -> int:
    path = gather.write(gather.facts(seat.api, record, costs, seat.speed), to)
    seat.say(f"  report    {path}")
    return 0


def _json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    """Run the command; Ctrl-C between two of its steps ends it like one within them."""
    # A shell that starts us in the background has SIGINT ignored; whoever sends one means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app()


if __name__ == "__main__":
    main()
