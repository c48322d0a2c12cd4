"""The checks of a wave and the actions of a run, as the answer for the run has them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Time, build_from_row
from recovery import clock
from recovery.domain.wave_steps.action_record import AwaitedAnswer, find_awaited
from recovery.packing import unpack
from recovery.wording import name_first, plural

Row = Mapping[str, Any]

ActionStatus = Literal[
    "PENDING", "RUNNING", "WAITING", "SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED", "VERIFIED"
]

# Checks that an event names.
_MAX_CHECKS = 5


# --- checks -----------------------------------------------------------------------------------------------------
class CheckCounts(TypedDict):
    """The servers of a wave that are at a check, or failed it."""

    check: Annotated[str, Field(description="The check, as `http :8080/health`.")]
    checking: Annotated[int, Field(description="Servers that have this check to pass next.")]
    unverified: Annotated[int, Field(description="Servers that have not passed this check in time.")]


class FailedCheck(TypedDict):
    """How many servers did not pass a check in a turn."""

    check: Annotated[str, Field(description="The check, as `http :8080/health`.")]
    unverified: Annotated[int, Field(description="Servers that did not pass it.")]


class EarlierChecks(TypedDict):
    """Checks that a `verify` or `retry` of the wave had made again."""

    turn: Annotated[int, Field(description="The turn of the wave: 0 at first; each verify and retry begins another.")]
    beganAt: Annotated[Time, Field(description="When they began.")]
    endedAt: Annotated[Time | None, Field(description="When the last server had its answer; null if one had none.")]
    checked: Annotated[int, Field(description="Servers that were checked, without those that had passed before.")]
    verified: Annotated[int, Field(description="Those that passed.")]
    unverified: Annotated[int, Field(description="Those that did not, or that were not checked to the end.")]
    failed: Annotated[list[FailedCheck], Field(description="The checks that servers failed, most first.")]


class WaveChecks(TypedDict):
    """How far the checks of a wave's launched servers are. LAUNCHED servers stay LAUNCHED, whatever they find."""

    checking: Annotated[int, Field(description="Servers that have checks left to pass.")]
    verified: Annotated[int, Field(description="Servers that have passed all of their checks.")]
    unverified: Annotated[int, Field(description="Servers that have not passed a check in time.")]
    since: Annotated[Time | None, Field(description="When the checks that were made last began.")]
    until: Annotated[Time | None, Field(description="When the time of the checks that go on is up; null if none do.")]
    checks: Annotated[list[CheckCounts], Field(description="The checks that servers are at or failed, most first.")]
    earlier: Annotated[
        list[EarlierChecks],
        Field(description="The turns before this one, oldest first: the first one and the last ones, up to 19."),
    ]


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
        "earlier": _list_earlier(rows),
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


def _list_earlier(rows: Iterable[Row]) -> list[EarlierChecks]:
    """The earlier turns of a wave, each over all of its batches."""
    by_turn: dict[int, list[Row]] = {}
    for row in rows:
        for turn in row.get("turns", ()):
            by_turn.setdefault(int(turn["turn"]), []).append(turn)
    found: list[EarlierChecks] = []
    for turn, of_batches in sorted(by_turn.items()):
        failed: Counter[str] = Counter()
        for each in of_batches:
            failed.update({check: int(count) for check, count in each["failed"].items()})
        ends = [each.get("endedAt") for each in of_batches]
        checked, verified, unverified = (sum(int(each[name]) for each in of_batches) for name in _COUNTED)
        found.append(
            {
                "turn": turn,
                "beganAt": min(each["beganAt"] for each in of_batches),
                "endedAt": max(end for end in ends if end) if all(ends) else None,
                "checked": checked,
                "verified": verified,
                "unverified": unverified,
                "failed": [{"check": check, "unverified": count} for check, count in failed.most_common()],
            }
        )
    return found


def _build_turn(row: Row) -> Row:
    """The turn of a CHECKS# row that goes on or was the last, as `turns` of the row has those before it."""
    unverified = [each for each in list_checked(row).values() if each["status"] == "UNVERIFIED"]
    failed = Counter(each["check"] for each in unverified if each.get("check") and not each.get("cutOff"))
    passed_before = int(row.get("passedBefore", 0))
    return {
        "beganAt": row.get("beganAt"),
        "endedAt": row.get("endedAt"),
        "checked": int(row.get("checked", 0)) - passed_before,
        "verified": int(row.get("verified", 0)) - passed_before,
        "unverified": int(row.get("unverified", 0)),
        "cutOff": sum(1 for each in unverified if each.get("cutOff")),
        "failed": failed,
    }


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
        waitingFor=find_awaited(row),
    )


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
        for turn in (*row.get("turns", ()), _build_turn(row)):
            if turn["checked"]:  # a turn that checks nothing in this batch is no news of it
                yield from _list_of_turn(row, turn)
    for row in action_rows:
        wave, named = row.get("wave"), f"action {row['name']}"
        yield StepEvent(row.get("startedAt"), "ACTION_STARTED", f"{named}: {row['title']}", wave)
        if awaited := find_awaited(row):
            is_task = awaited is AwaitedAnswer.CONFIRM
            what = "to be confirmed" if is_task else f"for a decision: {row.get('reason') or ''}"
            yield StepEvent(row.get("waitingSince"), "ACTION_WAITS", f"{named} waits {what}", wave)
        why = f": {row['reason']}" if row.get("reason") else ""
        yield StepEvent(row.get("endedAt"), "ACTION_ENDED", f"{named} is {row['status']}{why}", wave)


def _list_of_turn(row: Row, turn: Row) -> Iterator[StepEvent]:
    batch = f"batch {row['batch']} in {row['accountId']}/{row['region']}"
    are = "is" if turn["checked"] == 1 else "are"
    begun = f"{plural(int(turn['checked']), 'server')} of {batch} {are} checked"
    yield StepEvent(turn["beganAt"], "CHECKS_BEGAN", begun, row["wave"])
    most_first = sorted(turn["failed"].items(), key=lambda each: (-each[1], each[0]))
    failed = [f"{check} ({count})" for check, count in most_first]
    why = f": {name_first(failed, _MAX_CHECKS)}" if failed else ""
    cut_off = int(turn["cutOff"])
    ended = f"{batch}: {turn['verified']} verified, {turn['unverified'] - cut_off} unverified"
    not_done = f", {cut_off} not checked to the end" if cut_off else ""
    yield StepEvent(turn.get("endedAt"), "SERVERS_VERIFIED", f"{ended}{not_done}{why}", row["wave"])
