"""The commands that start or follow a run: run, readiness, continue and watch."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cli import repeat, run_client
from cli.api_client import CredentialsExpired
from cli.commands.arguments import (
    Actions,
    ActionsChoice,
    AsJson,
    CleanUp,
    CommandGroup,
    ConfirmReplace,
    ExecutionId,
    IdempotencyKey,
    Interval,
    PlanName,
    PointInTime,
    Profiles,
    ProfilesChoice,
    ReplaceExisting,
    ReportFolder,
    ReserveCapacity,
    Wait,
    Yes,
    YesContinue,
)
from cli.commands.confirmations import Consent, confirm_latest, confirm_start
from cli.connection import Connection, connected
from cli.follow import follow_run
from cli.refusal import ApiRefused
from cli.repeat import AnswerLost
from cli.run_preview import LaunchChoice, preview_plan, preview_rest
from cli.session import Session
from cli.terminal import FAILED, INTERRUPTED, REFUSED, console, end, has_terminal, print_json, print_notice
from cli.text import COMMAND
from recovery.free_text import flatten
from report.run_record import Record

app = CommandGroup()


class Mode(StrEnum):
    """What `run` starts."""

    DRILL = "drill"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class _Start:
    """A request that starts a run, and the words of a command that sends it again."""

    path: str
    body: dict[str, Any] | None
    words: Sequence[str]
    plan_id: str
    key: str

    def send(self, session: Session) -> Record:
        """Send it until it is answered, and return the record of the run.

        End the command, with what may have begun and how to go on, if that is not possible.
        """
        words = [COMMAND, *self.words, "--idempotency-key", self.key]
        look = f"See whether it did:  {COMMAND} list --plan {self.plan_id}{session.options}"
        again = f"Send the same request again; it starts nothing twice:\n  {shlex.join(words)}{session.options}"
        try:
            return repeat.post(session.api, self.path, self.body, self.key, print_notice)
        except AnswerLost as error:
            end(FAILED, f"{error}\nThe run may have been started. {look}\n{again}")
        except KeyboardInterrupt:
            end(INTERRUPTED, f"\nThe run may have been started. {look}\n{again}")
        except CredentialsExpired as error:
            end(FAILED, f"{error}\nThe run was not started. {again}")
        except ApiRefused as error:
            body = error.reply.body if isinstance(error.reply.body, dict) else {}
            if body.get("code") != "PlanAlreadyRunning" or not body.get("executionId"):
                raise
            end(REFUSED, f"{error}\nWatch it:  {COMMAND} watch {body['executionId']}{session.options}")


# --- starting ---------------------------------------------------------------------------------------------------
@app.command(epilog="Example: drs-waves run three-tier --sandbox --cleanup --report build/report")
@connected
def run(
    connection: Connection,
    plan: PlanName,
    mode: Annotated[
        Mode,
        typer.Option(
            "--mode", metavar="drill|recovery", help="A drill launches copies; a recovery launches production servers."
        ),
    ] = (Mode.DRILL),
    wait: Wait = True,
    cleanup: CleanUp = False,
    point_in_time: PointInTime = None,
    actions: ActionsChoice = None,
    profiles: ProfilesChoice = None,
    reserve_capacity: ReserveCapacity = False,
    report: ReportFolder = None,
    yes: Yes = False,
    replace_existing: ReplaceExisting = False,
    confirm_replace: ConfirmReplace = None,
    idempotency_key: IdempotencyKey = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Start a run of a plan and follow it to its end.

    To start a recovery, type the plan's name when asked, or give --yes. A run that replaces existing recovery
    instances asks for more; see --replace-existing.
    """
    _require_waiting(wait, cleanup, report)
    is_recovery = mode is Mode.RECOVERY
    if is_recovery and cleanup:
        raise typer.BadParameter("--cleanup is for drills; the instances of a recovery must stay")
    if is_recovery and actions not in (None, Actions.RUN):
        raise typer.BadParameter(f"--actions {actions} is for drills; a recovery runs the actions of its plan")
    consent = Consent(is_recovery, yes, replace_existing, confirm_replace, has_terminal())
    consent.require_possible()
    session = Session.open(connection, as_json, interval)
    found = session.find_plan(plan)
    launch = LaunchChoice(mode.value, profiles is Profiles.SKIP, reserve_capacity)
    confirm_start(session, consent, found["name"], point_in_time, lambda: preview_plan(session.api, found, launch))
    start = _Start(
        path=run_client.start_path(found["planId"], mode.value),
        body=run_client.start_body(
            point_in_time, replace_existing, None if is_recovery else actions, profiles, reserve_capacity
        ),
        words=[
            *("run", found["planId"], "--mode", mode.value, *_moment(point_in_time), *consent.options()),
            *([] if actions is None else ["--actions", actions.value]),
            *_launch_options(profiles, reserve_capacity),
            *_after(wait, cleanup, report),
        ],
        plan_id=found["planId"],
        key=idempotency_key or repeat.make_key(),
    )
    _start_and_follow(session, start, wait, cleanup, report)


@app.command(epilog="Example: drs-waves readiness three-tier --stack drs-waves --region us-west-2")
@connected
def readiness(
    connection: Connection,
    plan: PlanName,
    wait: Wait = True,
    point_in_time: PointInTime = None,
    report: ReportFolder = None,
    last: Annotated[
        bool, typer.Option("--last", help="Check nothing: show the last answer, its age and what a drill costs.")
    ] = False,
    hours: Annotated[
        int | None,
        typer.Option("--hours", metavar="COUNT", min=1, max=672, help="With --last: how long the drill runs."),
    ] = None,
    idempotency_key: IdempotencyKey = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Check whether a run of the plan would succeed.

    This shows what would prevent it, and launches nothing. With --last, the exit status is that of the last answer.
    """
    _require_waiting(wait, False, report)
    if last and (report or point_in_time or not wait):
        raise typer.BadParameter("--last starts nothing; leave out --report, --point-in-time and --no-wait")
    if hours is not None and not last:
        raise typer.BadParameter("--hours goes with --last")
    session = Session.open(connection, as_json, interval)
    if last:
        _show_last(session, session.find_plan(plan, by_prefix=True), hours, as_json)
    plan_id = session.find_plan(plan)["planId"]
    start = _Start(
        path=run_client.start_path(plan_id, "readiness"),
        body=run_client.start_body(point_in_time),
        words=["readiness", plan_id, *_moment(point_in_time), *_after(wait, False, report)],
        plan_id=plan_id,
        key=idempotency_key or repeat.make_key(),
    )
    _start_and_follow(session, start, wait, False, report)


def _show_last(session: Session, plan: Record, hours: int | None, as_json: bool) -> NoReturn:
    """Show the last answer of the plan's readiness, and end as the run that has given it."""
    query = {} if hours is None else {"hours": str(hours)}
    answer = session.api.get(f"/recovery-plans/{plan['planId']}/readiness", **query)
    if as_json:
        print_json(answer)
    else:
        from cli.views.readiness import describe_readiness

        for line in describe_readiness(plan["name"], answer, session.options):
            console().print(line, markup=False, highlight=False)
    raise typer.Exit(REFUSED if answer["status"] == "NOT_READY" else 0)


@app.command("continue", epilog="Example: drs-waves continue drill-20261122-081530-4f1c09")
@connected
def continue_(
    connection: Connection,
    execution: ExecutionId,
    wait: Wait = True,
    cleanup: CleanUp = False,
    profiles: ProfilesChoice = None,
    reserve_capacity: ReserveCapacity = False,
    report: ReportFolder = None,
    yes: YesContinue = False,
    replace_existing: ReplaceExisting = False,
    confirm_replace: ConfirmReplace = None,
    idempotency_key: IdempotencyKey = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Start a run of what an ended run did not launch.

    The continuation of a recovery asks for the plan's name as its first start did, unless you give --yes.
    """
    _require_waiting(wait, cleanup, report)
    session = Session.open(connection, as_json, interval)
    found = session.look_up_run(execution)
    execution = found.execution_id
    before = run_client.read_run(session.api, execution)
    is_recovery = before["mode"] == "RECOVERY"
    if is_recovery and cleanup:
        raise typer.BadParameter("--cleanup is for drills; the instances of a recovery must stay")
    consent = Consent(is_recovery, yes, replace_existing, confirm_replace, has_terminal())
    consent.require_possible()
    if not consent.must_type_name and not consent.must_type_replace:
        confirm_latest(found, "continue", yes=yes)
    moment = before["pointInTime"]
    skips = (profiles or before.get("profilesOption")) == Profiles.SKIP
    launch = LaunchChoice(before["mode"].lower(), skips, reserve_capacity or bool(before.get("reserveCapacity")))
    confirm_start(
        session, consent, before["planName"], moment, lambda: preview_rest(session.api, before, launch), execution
    )
    start = _Start(
        path=f"/executions/{execution}/continue",
        body=run_client.start_body(None, replace_existing, None, profiles, reserve_capacity),
        words=[
            *("continue", execution, *consent.options(), *_launch_options(profiles, reserve_capacity)),
            *_after(wait, cleanup, report),
        ],
        plan_id=before["planId"],
        key=idempotency_key or repeat.make_key(),
    )
    _start_and_follow(session, start, wait, cleanup, report)


def _require_waiting(wait: bool, cleanup: bool, report: Path | None) -> None:
    if not wait and (cleanup or report):
        raise typer.BadParameter("--no-wait goes with neither --cleanup nor --report; both come after the run")


def _moment(point_in_time: str | None) -> list[str]:
    return [] if point_in_time is None else ["--point-in-time", point_in_time]


def _launch_options(profiles: Profiles | None, reserve_capacity: bool) -> list[str]:
    words = [] if profiles is None else ["--profiles", profiles.value]
    return [*words, "--reserve-capacity"] if reserve_capacity else words


def _after(wait: bool, cleanup: bool, report: Path | None) -> list[str]:
    """The options for what comes after the start."""
    words = [] if wait else ["--no-wait"]
    words += ["--cleanup"] if cleanup else []
    return words + (["--report", str(report)] if report else [])


def _start_and_follow(session: Session, start: _Start, wait: bool, cleanup: bool, report: Path | None) -> None:
    record = start.send(session)
    execution_id = record["executionId"]
    if not wait:
        if session.as_json:
            print_json(record)
        else:
            session.print_line(f"{execution_id} is started. Watch it:  {COMMAND} watch {execution_id}{session.options}")
        return
    if not session.as_json:
        session.print_line(f"{execution_id}  {record['mode'].lower()} of {flatten(record['planName'])}")
    follow_run(session, execution_id, cleanup, report)


# --- following --------------------------------------------------------------------------------------------------
@app.command(epilog="Example: drs-waves watch drill-20261122-081530-4f1c09 --region us-west-2")
@connected
def watch(
    connection: Connection,
    execution: ExecutionId,
    report: ReportFolder = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Follow a run to its end. Ctrl-C ends this command; the run continues."""
    session = Session.open(connection, as_json, interval)
    execution = session.find_run(execution)
    is_in_pipe = not as_json and session.width is None  # the view of a terminal has the id in its first line
    opening = f"watching {execution}" if is_in_pipe else None
    follow_run(session, execution, cleanup=False, report=report, opening=opening)
