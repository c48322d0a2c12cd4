"""The commands of the group `schedule`: the appointments of drill policies, and pauses."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli.commands.arguments import AsJson, CommandGroup, Comment, OutputForm, PlanToRead, choose_output
from cli.connection import Connection, connected
from cli.listings import schedules
from cli.listings.cells import show_minute
from cli.listings.output import Output, print_listing
from cli.listings.schedules import show_both
from cli.session import Session
from cli.terminal import console, print_json, print_notice
from cli.text import COMMAND
from recovery.free_text import flatten

_HELP = """\
Schedules of drills: when plans are drilled by themselves.

A plan has a schedule if its file has a drillPolicy. See docs/drills.md.
"""

app = CommandGroup(no_args_is_help=True, help=_HELP)

MAX_COUNT = 100
# Past appointments, and pauses, below the table.
MAX_PAST = 5


@app.command("list", epilog="Example: drs-waves schedule list --output csv")
@connected
def list_schedules(connection: Connection, output: OutputForm = None, as_json: AsJson = False) -> None:
    """List plans with a drill policy, their rhythm and next drill."""
    form = choose_output(output, as_json)
    session = Session.open(connection)
    found = session.api.list_items(schedules.SCHEDULES.path, schedules.SCHEDULES.items)
    print_listing(schedules.SCHEDULES, [schedules.add_local(each) for each in found], form)


@app.command("next", epilog="Example: drs-waves schedule next three-tier --count 4")
@connected
def show_next(
    connection: Connection,
    plan: PlanToRead,
    count: Annotated[
        int, typer.Option("--count", metavar="NUMBER", min=1, max=MAX_COUNT, help="How many appointments.")
    ] = 10,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """List the next appointments of a plan, in its time zone and UTC.

    With everyDays, those after the first are a forecast: each drill that counts moves them.
    """
    form = choose_output(output, as_json)
    session = Session.open(connection)
    plan_id = session.find_plan(plan, by_prefix=True)["planId"]
    schedule = session.api.get(f"/recovery-plans/{plan_id}/drill-schedule", count=str(count))
    if form is Output.JSON:
        print_json({**schedule, "next": schedules.list_next(schedule)})
        return
    print_listing(schedules.APPOINTMENTS, schedules.list_next(schedule), form)
    if form is Output.TABLE:
        _print_state(schedule)


@app.command(epilog="Example: drs-waves schedule pause three-tier --comment 'frozen until Monday'")
@connected
def pause(connection: Connection, plan: PlanToRead, comment: Comment = None, as_json: AsJson = False) -> None:
    """Let no drill of a plan begin until the schedule is resumed.

    A drill that has begun goes on. Appointments that come meanwhile are missed, and operators are told of each.
    """
    _change(connection, plan, "pause", {"comment": comment} if comment else {}, as_json)


@app.command(epilog="Example: drs-waves schedule resume three-tier")
@connected
def resume(connection: Connection, plan: PlanToRead, as_json: AsJson = False) -> None:
    """Go on with the next appointment of a plan."""
    _change(connection, plan, "resume", None, as_json)


def _change(connection: Connection, plan: str, change: str, body: Mapping[str, Any] | None, as_json: bool) -> None:
    session = Session.open(connection, as_json)
    plan_id = session.find_plan(plan)["planId"]
    schedule = session.api.call("POST", f"/recovery-plans/{plan_id}/drill-schedule/{change}", body)
    if as_json:
        print_json(schedule)
        return
    _print_state(schedule)


def _print_state(schedule: Mapping[str, Any]) -> None:
    """Print what the schedule does now, and what became of its last appointments."""
    name = flatten(schedule["planName"])
    policy, paused, current = schedule["policy"], schedule["paused"], schedule["current"]
    if policy is None:
        print_notice(f"{name} has no drill policy: `drillPolicy` of its plan file gives it one.")
        return
    if paused:
        why = f": {flatten(paused['comment'])}" if paused["comment"] else ""
        line = f"{name} is paused since {show_minute(paused['at'])} UTC by {flatten(paused['by'])}{why}"
        print_notice(f"{line}.  {COMMAND} schedule resume {schedule['planId']}")
    elif not policy["automatic"]:
        print_notice(f"{name} is not drilled by itself: its policy has automatic: false.")
    elif schedule["next"]:
        upcoming = schedule["next"][0]["at"]
        console().print(f"The next drill of {name} is at {show_both(upcoming, policy['timezone'])}.")
    if current:
        why = f": {flatten(current['reason'])}" if current["reason"] else ""
        console().print(
            f"The appointment of {show_minute(current['at'])} UTC has come: {current['status'].lower()}{why}."
        )
    for each in schedule["past"][:MAX_PAST]:
        detail = flatten(each["reason"] or each["executionId"] or "")
        console().print(f"Before: {show_minute(each['at'])} UTC  {each['status']}  {detail}")
    for each in schedule["pauses"][:MAX_PAST]:
        why = f": {flatten(each['comment'])}" if each["comment"] else ""
        by, until = flatten(each["by"]), f"{show_minute(each['resumedAt'])} UTC by {flatten(each['resumedBy'])}"
        console().print(f"Paused: {show_minute(each['at'])} UTC by {by}{why}; resumed {until}")
