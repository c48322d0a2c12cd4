"""The checks of a wave and the actions of a run, as the answer for the run has them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Time, build_from_row
from recovery import clock
from recovery.packing import unpack
from recovery.wording import name_first

Row = Mapping[str, Any]

ActionStatus = Literal[
    "PENDING", "RUNNING", "WAITING", "SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED", "VERIFIED"
]

# The answers to an action that waits for a person, by what it waits for.
ANSWERS: Mapping[str, tuple[str, ...]] = {"CONFIRM": ("confirm", "reject"), "DECISION": ("retry", "skip", "abort")}

# Checks that an event names.
_MAX_CHECKS = 5


# --- checks -----------------------------------------------------------------------------------------------------
class CheckCounts(TypedDict):
    """The servers of a wave that are at a check, or failed it."""

    check: Annotated[str, Field(description="The check, as `http :8080/health`.")]
    checking: Annotated[int, Field(description="Servers that have this check to pass next.")]
    unverified: Annotated[int, Field(description="Servers that have not passed this check in time.")]


class WaveChecks(TypedDict):
    """How far the checks of a wave's launched servers are. LAUNCHED servers stay LAUNCHED, whatever they find."""

    checking: Annotated[int, Field(description="Servers that have checks left to pass.")]
    verified: Annotated[int, Field(description="Servers that have passed all of their checks.")]
    unverified: Annotated[int, Field(description="Servers that have not passed a check in time.")]
    since: Annotated[Time | None, Field(description="When the checks that were made last began.")]
    until: Annotated[Time | None, Field(description="When the time of the checks that go on is up; null if none do.")]
    checks: Annotated[list[CheckCounts], Field(description="The checks that servers are at or failed, most first.")]


def build_checks(rows: Iterable[Row]) -> WaveChecks | None:
    """The checks of a wave from its CHECKS# rows; None if it has none."""
    rows = list(rows)
    if not rows:
        return None
    checked, verified, unverified = (sum(int(row.get(name, 0)) for row in rows) for name in _COUNTED)
    until = [float(row["until"]) for row in rows if row.get("until") and not row.get("endedAt")]
    return {
        "checking": max(checked - verified - unverified, 0),
        "verified": verified,
        "unverified": unverified,
        "since": max((row["beganAt"] for row in rows if row.get("beganAt")), default=None),
        "until": clock.iso(max(until)) if until else None,
        "checks": _count_by_check(rows),
    }


_COUNTED = ("checked", "verified", "unverified")


def list_checked(row: Row) -> Mapping[str, Row]:
    """What a CHECKS# row has of each of its servers, by id."""
    found: Mapping[str, Row] = unpack(row["servers"]) if "servers" in row else {}
    return found


def _count_by_check(rows: Sequence[Row]) -> list[CheckCounts]:
    counted: dict[str, Counter[str]] = {}
    for row in rows:
        for server in list_checked(row).values():
            if server.get("check") and server["status"] != "VERIFIED":
                counted.setdefault(server["check"], Counter())[server["status"]] += 1
    most_first = sorted(counted.items(), key=lambda each: (-each[1].total(), each[0]))
    return [
        {"check": check, "checking": count["VERIFYING"], "unverified": count["UNVERIFIED"]}
        for check, count in most_first
    ]


# --- actions ----------------------------------------------------------------------------------------------------
class ActionInRun(TypedDict):
    """An action of a run. `/executions/{executionId}/actions` has its output too."""

    name: Annotated[str, Field(description="The name of the action.")]
    wave: Annotated[str | None, Field(description="The wave that it belongs to; null for one of the plan.")]
    place: Annotated[Literal["before", "after"], Field(description="Whether it is before or after the wave or plan.")]
    kind: Annotated[str, Field(description="The kind of the action, as plans name it.")]
    title: Annotated[str, Field(description="What it does, in a few words.")]
    status: Annotated[
        ActionStatus,
        Field(
            description="WAITING is for a person or a time; VERIFIED could run, in a drill that only looks whether "
            "actions could."
        ),
    ]
    attempt: Annotated[int, Field(description="How often it was begun.")]
    startedAt: Annotated[Time | None, Field(description="When its last attempt began.")]
    endedAt: Annotated[Time | None, Field(description="When it ended.")]
    until: Annotated[Time | None, Field(description="When its time is up.")]
    reason: str | None
    accountId: Annotated[str | None, Field(description="The account that it acts in, if any.")]
    region: Annotated[str | None, Field(description="The Region that it acts in, if any.")]
    waitingFor: Annotated[
        Literal["CONFIRM", "DECISION"] | None,
        Field(description="What it waits for a person with: to confirm a task, or to decide after it failed."),
    ]


def build_action(row: Row) -> ActionInRun:
    """An action from its ACTION# row."""
    until = row.get("until")
    return build_from_row(
        ActionInRun,
        row,
        attempt=int(row.get("attempt", 0)),
        until=clock.iso(float(until)) if until is not None else None,
        waitingFor=row.get("waitingFor") if is_waiting(row) else None,
    )


def is_waiting(row: Row) -> bool:
    """Whether the action waits for a person who has not answered yet. `answered` names the wait that has an answer."""
    awaited = row.get("waitingFor")
    return awaited in ANSWERS and row.get("answered") != f"{awaited}#{int(row.get('attempt', 0))}"


# --- events -----------------------------------------------------------------------------------------------------
class StepEvent(NamedTuple):
    """An event of a run: when, what, in words, and the wave if it is of one."""

    at: str | None
    event: str
    text: str
    wave: str | None


def list_events(check_rows: Iterable[Row], action_rows: Iterable[Row]) -> Iterator[StepEvent]:
    """The beginnings and ends of checks and actions; `at` is None for what has not come yet."""
    for row in check_rows:
        batch = f"batch {row['batch']} in {row['accountId']}/{row['region']}"
        servers = int(row.get("checked", 0))
        yield StepEvent(row.get("beganAt"), "CHECKS_BEGAN", f"{servers} servers of {batch} are checked", row["wave"])
        verified, unverified = int(row.get("verified", 0)), int(row.get("unverified", 0))
        failed = [f"{each['check']} ({each['unverified']})" for each in _count_by_check([row]) if each["unverified"]]
        why = f": {name_first(failed, _MAX_CHECKS)}" if failed else ""
        text = f"{batch}: {verified} verified, {unverified} unverified{why}"
        yield StepEvent(row.get("endedAt"), "SERVERS_VERIFIED", text, row["wave"])
    for row in action_rows:
        wave, named = row.get("wave"), f"action {row['name']}"
        yield StepEvent(row.get("startedAt"), "ACTION_STARTED", f"{named}: {row['title']}", wave)
        if is_waiting(row):
            what = "to be confirmed" if row["waitingFor"] == "CONFIRM" else f"for a decision: {row.get('reason') or ''}"
            yield StepEvent(row.get("waitingSince"), "ACTION_WAITS", f"{named} waits {what}", wave)
        why = f": {row['reason']}" if row.get("reason") else ""
        yield StepEvent(row.get("endedAt"), "ACTION_ENDED", f"{named} is {row['status']}{why}", wave)
