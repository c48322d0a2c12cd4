"""What a run waits for, and what operators have decided, as the API shows it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, cast

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Time, build_from_row
from api.schemas.responses.steps import of_runs
from recovery import clock
from recovery.domain import polling
from recovery.domain.batch import BatchStatus
from recovery.domain.execution import ExecutionStatus, Run, WaveStatus
from recovery.domain.inspection import WaveTargetSummary
from recovery.store.execution_record import ExecutionRecord, Row
from recovery.wording import plural, shorten_outage

AwaitedDecision = Literal["APPROVAL", "DECISION", "RESUME", "ACTION"]
Awaited = Literal["APPROVAL", "DECISION", "RESUME", "ACTION", "JOB", "DRS"]

RunState = Literal[
    "STARTING",
    "RUNNING",
    "WAITING_FOR_PEOPLE",
    "PAUSED",
    "CANCELLING",
    "READY",
    "COMPLETED",
    "PARTIAL",
    "FAILED",
    "CANCELLED",
    "NOT_READY",
]

# A keyword cannot be the name of a field in the syntax of classes.
_For = TypedDict("_For", {"for": AwaitedDecision})
_ForAny = TypedDict("_ForAny", {"for": Awaited})
_OfAction = TypedDict("_OfAction", {"wave": str | None, "for": Literal["ACTION"], "action": str})


class WaitingFor(_ForAny):
    """What the run waits for: a decision, with the requests that give it, or AWS, in which case `answers` is empty.

    ACTION is an action that a person confirms, or decides about after it failed. JOB is a DRS job that takes far longer
    than usual; DRS means that a target does not answer, throttles or is busy.
    """

    wave: str | None
    action: NotRequired[Annotated[str, Field(description="The action, if it waits for an answer about one.")]]
    since: Time | None
    until: NotRequired[Time | None]
    onTimeout: NotRequired[
        Annotated[
            Literal["approve", "reject"] | None,
            Field(
                description="What no answer by `until` counts as; null for a wait without an end, and for an approval "
                "that a version before this field asked for."
            ),
        ]
    ]
    text: NotRequired[
        Annotated[str | None, Field(description="What AWS keeps the run waiting with, or what the action does.")]
    ]
    notBy: NotRequired[
        Annotated[
            list[str],
            Field(
                description="With `fourEyes`: who started the run. They may not `approve`, `accept`, `confirm`, `skip`."
            ),
        ]
    ]
    answers: list[str]


class Wait(_For):
    """A time in which the run, or a wave of it, waited for an operator, as it was recorded when it began.

    `until` is null while it lasts. `by` is the operator whose decision ended it, or `the plan`; it is null if the run
    ended first.
    """

    wave: str | None
    action: NotRequired[Annotated[str, Field(description="The action that waited, if one did.")]]
    since: Time
    until: Time | None
    by: str | None


class Decision(TypedDict):
    """Who decided what, and when; `wave` is null for a decision about the whole run, or an action of the plan."""

    wave: str | None
    action: NotRequired[Annotated[str, Field(description="The action that it is about, if it is about one.")]]
    decision: str
    by: str
    at: Time
    comment: str


# What a wave of this status waits for, and the decisions that answer it.
_AWAITED: Mapping[WaveStatus, tuple[AwaitedDecision, tuple[str, ...]]] = {
    WaveStatus.AWAITING_APPROVAL: ("APPROVAL", ("approve", "reject")),
    WaveStatus.AWAITING_DECISION: ("DECISION", ("retry", "accept", "abort")),
    WaveStatus.PAUSED: ("RESUME", ("resume",)),
}


def find_state(meta: Row, waiting: Sequence[WaitingFor]) -> RunState:
    """Where a run that waits for this is, in the words that people see: the end states, and what an open run does."""
    status = ExecutionStatus(meta["status"])
    if status.is_final:
        return cast("RunState", status.value)
    if meta.get("cancelledBy"):
        return "CANCELLING"
    if status is ExecutionStatus.PAUSED:
        return "PAUSED"
    if any(wait["answers"] for wait in waiting):
        return "WAITING_FOR_PEOPLE"
    return "STARTING" if status is ExecutionStatus.PENDING else "RUNNING"


def collect_waiting(record: ExecutionRecord) -> list[WaitingFor]:
    """The decisions that the run waits for, and what AWS keeps it waiting with."""
    if ExecutionStatus(record.meta["status"]).is_final:
        return []
    of_aws = [wait for row in record.batches for wait in _waits_for_aws(row)]
    of_people = collect_waiting_for_people(record.meta, record.waves, record.actions)
    return [*of_people, *_waits_for_targets(record), *of_aws]


def collect_waiting_for_people(
    meta: Row, wave_rows: Iterable[Row], action_rows: Iterable[Row] = ()
) -> list[WaitingFor]:
    """The decisions that a run with these waves and actions waits for."""
    if ExecutionStatus(meta["status"]).is_final or meta.get("cancelledBy"):
        return []
    base = f"/executions/{meta['executionId']}"
    waiting: list[WaitingFor] = []
    if meta["status"] == ExecutionStatus.PAUSED:
        waiting.append(
            {"wave": None, "for": "RESUME", "since": meta.get("pausedAt"), "answers": [f"POST {base}/resume"]}
        )
    of_waves = [
        _waiting_wave(row, meta) for row in wave_rows if row["status"] in _AWAITED and not row.get("failureDecision")
    ]
    return waiting + of_waves + [_waiting_action(row, meta) for row in action_rows if of_runs.is_waiting(row)]


def _describe_outage(target: str, reason: str) -> str:
    """What DRS did not answer."""
    colon = "" if reason.startswith(f"CircuitOpen: {target} ") else ":"
    return f"{target}{colon} {shorten_outage(target, reason)}"


def _waits_for_targets(record: ExecutionRecord) -> Iterator[WaitingFor]:
    """The targets that did not answer at the start, and for which a wave that has begun waits."""
    open_waves = {
        row["wave"]: row["startedAt"] for row in record.waves if row.get("startedAt") and not row.get("endedAt")
    }
    for summary in map(WaveTargetSummary.from_item, record.targets):
        if not summary.pending or summary.wave not in open_waves:
            continue
        since, target = summary.waiting_since, summary.target.key
        error = "; ".join(summary.notes).partition("waits: ")[2] if since is None else ""
        error = error or "; ".join(summary.notes).partition(f"{target}: ")[2]
        servers = (
            "its servers are known when it answers"
            if summary.unlistable_groups
            else f"{plural(summary.servers, 'server')} of the wave there"
        )
        yield {
            "wave": summary.wave,
            "for": "DRS",
            "since": clock.iso(since) if since is not None else open_waves[summary.wave],
            "text": f"{_describe_outage(target, error)}; {servers}",
            "answers": [],
        }


def _waits_for_aws(row: Row) -> Iterator[WaitingFor]:
    """What AWS keeps a batch waiting with."""
    target = f"{row['accountId']}/{row['region']}"
    if since := row.get("outageSince"):
        next_try = polling.describe_next_try(clock.now() - clock.parse_iso(since))
        yield {
            "wave": row["wave"],
            "for": "DRS",
            "since": since,
            "text": f"{_describe_outage(target, row['outageReason'])}; {next_try}",
            "answers": [],
        }
    if row.get("overdueAt") and row["status"] == BatchStatus.LAUNCHING:
        usual = (
            f"; such a job usually takes {round(int(row['usualSeconds']) / 60)} min" if "usualSeconds" in row else ""
        )
        text = f"{row['jobId']} in {target}, stage: {row.get('stage', 'not known')}{usual}"
        yield {"wave": row["wave"], "for": "JOB", "since": row["jobStartedAt"], "text": text, "answers": []}


def _waiting_wave(row: Row, meta: Row) -> WaitingFor:
    base = f"/executions/{meta['executionId']}"
    status = WaveStatus(row["status"])
    awaited, answers = _AWAITED[status]
    if status is WaveStatus.AWAITING_DECISION and (row.get("servers") or {}).get("unverified"):
        answers = ("verify", *answers)
    is_approval = status is WaveStatus.AWAITING_APPROVAL
    until = row.get("approvalUntil") if is_approval else None
    prefix = base if status is WaveStatus.PAUSED else f"{base}/waves/{row['wave']}"
    run = Run.from_item(meta)
    waiting: WaitingFor = {
        "wave": row["wave"],
        "for": awaited,
        "since": row.get("waitingSince"),
        "until": clock.iso(float(until)) if until else None,
        "onTimeout": row.get("approvalOnTimeout") if is_approval else None,
        "answers": [f"POST {prefix}/{answer}" for answer in answers],
    }
    if run.four_eyes and awaited != "RESUME":
        waiting["notBy"] = list(run.requesters)
    return waiting


def _waiting_action(row: Row, meta: Row) -> WaitingFor:
    run, until = Run.from_item(meta), row.get("until")
    is_task = row["waitingFor"] == "CONFIRM"
    base = f"/executions/{meta['executionId']}/actions/{row['name']}"
    waiting: WaitingFor = {
        "wave": row.get("wave"),
        "for": "ACTION",
        "action": row["name"],
        "since": row.get("waitingSince"),
        "until": clock.iso(float(until)) if is_task and until is not None else None,
        "text": row.get("instructions") or row["title"] if is_task else f"it failed: {row.get('reason') or 'unknown'}",
        "answers": [f"POST {base}/{answer}" for answer in of_runs.ANSWERS[row["waitingFor"]]],
    }
    if run.four_eyes:
        waiting["notBy"] = list(run.requesters)
    return waiting


def collect_waits(record: ExecutionRecord) -> list[Wait]:
    """Every wait for an operator, ended or not, oldest first."""
    waits = [*_waits_of_run(record.meta), *(wait for row in record.waves for wait in _waits_of_wave(row, record.meta))]
    waits += [wait for row in record.actions for wait in _waits_of_action(row, record.meta)]
    return sorted(waits, key=lambda wait: (wait["since"], wait["wave"] or ""))


def _waits_of_run(meta: Row) -> Iterator[Wait]:
    """The pauses of the whole run."""
    paused_at: str | None = None
    for decision in meta.get("decisions", ()):
        if decision["decision"] == "pause":
            paused_at = decision["at"]
        elif paused_at:
            yield {"wave": None, "for": "RESUME", "since": paused_at, "until": decision["at"], "by": decision["by"]}
            paused_at = None
    if paused_at:
        yield {"wave": None, "for": "RESUME", "since": paused_at, "until": meta.get("endedAt"), "by": None}


def _waits_of_wave(row: Row, meta: Row) -> Iterator[Wait]:
    """Those that decisions ended, and one that is open, or that a cancel or the end of the run ended."""
    for wait in row.get("waits", ()):
        yield {"wave": row["wave"], **{name: wait[name] for name in ("for", "since", "until", "by")}}  # type: ignore[typeddict-item]
    if (since := row.get("waitingSince")) and (awaited := row.get("waitingFor")):
        cancelled_at, by = meta.get("cancelledAt"), meta.get("cancelledBy")
        until = max(cancelled_at, since) if cancelled_at else row.get("endedAt")
        yield {"wave": row["wave"], "for": awaited, "since": since, "until": until, "by": by}


def _waits_of_action(row: Row, meta: Row) -> Iterator[Wait]:
    """Those that decisions ended, and one that is open, or that its time, a cancel or the end of the run ended."""
    of_action: _OfAction = {"wave": row.get("wave"), "for": "ACTION", "action": row["name"]}
    for wait in row.get("waits", ()):
        yield {**of_action, "since": wait["since"], "until": wait["until"], "by": wait["by"]}
    if (since := row.get("waitingSince")) and of_runs.is_waiting(row):
        until = meta.get("cancelledAt") or meta.get("endedAt")
        yield {**of_action, "since": since, "until": until, "by": meta.get("cancelledBy")}


def collect_decisions(record: ExecutionRecord) -> list[Decision]:
    """Every decision about the run, its waves and its actions, oldest first."""
    rows: list[tuple[str | None, Any]] = [(None, decision) for decision in record.meta.get("decisions", ())]
    rows += [(row["wave"], decision) for row in record.waves for decision in row.get("decisions", ())]
    found = [build_from_row(Decision, row, wave=wave) for wave, row in rows]
    found += [
        build_from_row(Decision, decision, wave=row.get("wave"), action=row["name"])
        for row in record.actions
        for decision in row.get("decisions", ())
    ]
    return sorted(found, key=lambda decision: decision["at"])
