"""The commands that start or follow a run: run, readiness, continue and watch."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import run_client
from cli.api_client import ApiRefused, ApiUnreachable
from cli.commands.arguments import AsJson, CleanUp, ExecutionId, Interval, PlanName, ReportFolder, Wait
from cli.connection import Connection, connected
from cli.follow import follow_run
from cli.run_record import Record
from cli.session import Session
from cli.terminal import FAILED, INTERRUPTED, INVALID, REFUSED, end, error_console, has_terminal, print_json
from cli.text import COMMAND, clean

app = typer.Typer()


class Mode(StrEnum):
    """What `run` starts."""

    DRILL = "drill"
    RECOVERY = "recovery"


# --- starting ---------------------------------------------------------------------------------------------------
@app.command(epilog="Example: drs-waves run three-tier --sandbox --cleanup --report build/report")
@connected
def run(
    connection: Connection,
    plan: PlanName,
    mode: Annotated[
        Mode, typer.Option("--mode", help="A drill launches copies; a recovery launches production servers.")
    ] = (Mode.DRILL),
    wait: Wait = True,
    cleanup: CleanUp = False,
    point_in_time: Annotated[
        str | None, typer.Option("--point-in-time", metavar="T", help="Recover this moment: 2026-11-22T08:15:30Z.")
    ] = None,
    report: ReportFolder = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Start a recovery without asking.")] = False,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Start a run of a plan and follow it to its end.

    To start a recovery, type the plan's name when asked, or give --yes.
    """
    _require_waiting(wait, cleanup, report)
    if mode is Mode.RECOVERY and cleanup:
        raise typer.BadParameter("--cleanup is for drills; the instances of a recovery must stay")
    if mode is Mode.RECOVERY and not yes and not has_terminal():
        end(INVALID, "A recovery must be confirmed, and there is no terminal to ask on: give --yes.")
    session = Session.open(connection, as_json, interval)
    found = session.find_plan(plan)
    if mode is Mode.RECOVERY and not yes:
        _confirm_recovery(found)
    _start_and_follow(session, lambda: _start(session, found, mode.value, point_in_time), wait, cleanup, report)


@app.command(epilog="Example: drs-waves readiness three-tier --stack drs-waves --region us-west-2")
@connected
def readiness(
    connection: Connection,
    plan: PlanName,
    wait: Wait = True,
    point_in_time: Annotated[
        str | None, typer.Option("--point-in-time", metavar="T", help="Check the snapshots of this moment.")
    ] = None,
    report: ReportFolder = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Check whether a run of the plan would succeed, and show what prevents it. This launches nothing."""
    _require_waiting(wait, False, report)
    session = Session.open(connection, as_json, interval)
    found = session.find_plan(plan)
    _start_and_follow(session, lambda: _start(session, found, "readiness", point_in_time), wait, False, report)


@app.command("continue", epilog="Example: drs-waves continue drill-20261122-081530-4f1c09")
@connected
def continue_(
    connection: Connection,
    execution: ExecutionId,
    wait: Wait = True,
    cleanup: CleanUp = False,
    report: ReportFolder = None,
    interval: Interval = None,
    as_json: AsJson = False,
) -> None:
    """Start a run that recovers what an ended run did not launch, and follow it."""
    _require_waiting(wait, cleanup, report)
    session = Session.open(connection, as_json, interval)

    def start() -> Record:
        record: Record = session.api.call("POST", f"/executions/{execution}/continue")
        return record

    _start_and_follow(session, start, wait, cleanup, report)


def _require_waiting(wait: bool, cleanup: bool, report: Path | None) -> None:
    if not wait and (cleanup or report):
        raise typer.BadParameter("--no-wait goes with neither --cleanup nor --report; both come after the run")


def _confirm_recovery(plan: Mapping[str, Any]) -> None:
    name = plan["name"]
    message = f"A recovery of {clean(name)} launches production servers, in {len(plan['waves'])} waves."
    error_console().print(message, markup=False)
    try:
        typed = typer.prompt("Type the plan's name to start it", err=True)
    except typer.Abort:
        typed = ""
    if typed.strip() != name:
        end(REFUSED, "That is not its name. Nothing was started.")


def _start(session: Session, plan: Mapping[str, Any], mode: str, point_in_time: str | None) -> Record:
    list_command = f"{COMMAND} list --plan {plan['planId']}{session.options}"
    try:
        return run_client.start_run(session.api, plan["planId"], mode, point_in_time)
    except ApiUnreachable as error:
        end(FAILED, f"{error}\nThe run may have been started anyway; see:  {list_command}")
    except KeyboardInterrupt:
        end(INTERRUPTED, f"\nThe run may have been started; see:  {list_command}")
    except ApiRefused as error:
        body = error.reply.body if isinstance(error.reply.body, dict) else {}
        if body.get("code") != "PlanAlreadyRunning" or not body.get("executionId"):
            raise
        end(REFUSED, f"{error}\nWatch it:  {COMMAND} watch {body['executionId']}{session.options}")


def _start_and_follow(
    session: Session, start: Callable[[], Record], wait: bool, cleanup: bool, report: Path | None
) -> None:
    record = start()
    execution_id = record["executionId"]
    if not wait:
        if session.as_json:
            print_json(record)
        else:
            session.print_line(f"{execution_id} is started. Watch it:  {COMMAND} watch {execution_id}{session.options}")
        return
    if not session.as_json:
        session.print_line(f"{execution_id}  {record['mode'].lower()} of {clean(record['planName'])}")
    hint = f"\nClean up then:  {COMMAND} cleanup {execution_id}{session.options}" if cleanup else ""
    follow_run(session, execution_id, cleanup, report, hint)


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
    follow_run(Session.open(connection, as_json, interval), execution, cleanup=False, report=report)
