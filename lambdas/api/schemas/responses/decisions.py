"""What a run waits for, and what operators have decided, as the API shows it."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from api.schemas.responses.base import build_from_row
from recovery import clock
from recovery.domain.execution import ExecutionStatus, WaveStatus
from recovery.store.execution_record import ExecutionRecord, Row

AwaitedDecision = Literal["APPROVAL", "DECISION", "RESUME"]

# A keyword cannot be the name of a field in the syntax of classes.
_For = TypedDict("_For", {"for": AwaitedDecision})


class WaitingFor(_For):
    """A decision that the run waits for, and the requests that give it."""

    wave: str | None
    since: str | None
    until: NotRequired[str | None]
    answers: list[str]


class Decision(TypedDict):
    """Who decided what, and when; `wave` is null for a decision about the whole run."""

    wave: str | None
    decision: str
    by: str
    at: str
    comment: str


# What a wave of this status waits for, and the decisions that answer it.
_AWAITED: Mapping[WaveStatus, tuple[AwaitedDecision, tuple[str, ...]]] = {
    WaveStatus.AWAITING_APPROVAL: ("APPROVAL", ("approve", "reject")),
    WaveStatus.AWAITING_DECISION: ("DECISION", ("retry", "accept", "abort")),
    WaveStatus.PAUSED: ("RESUME", ("resume",)),
}


def collect_waiting(record: ExecutionRecord) -> list[WaitingFor]:
    """The decisions that the run waits for."""
    meta = record.meta
    base = f"/executions/{meta['executionId']}"
    if ExecutionStatus(meta["status"]).is_final or meta.get("cancelledBy"):
        return []
    waiting: list[WaitingFor] = []
    if meta["status"] == ExecutionStatus.PAUSED:
        waiting.append(
            {"wave": None, "for": "RESUME", "since": meta.get("pausedAt"), "answers": [f"POST {base}/resume"]}
        )
    return waiting + [
        _waiting_wave(row, base) for row in record.waves if row["status"] in _AWAITED and not row.get("failureDecision")
    ]


def _waiting_wave(row: Row, base: str) -> WaitingFor:
    status = WaveStatus(row["status"])
    awaited, answers = _AWAITED[status]
    until = row.get("approvalUntil") if status is WaveStatus.AWAITING_APPROVAL else None
    prefix = base if status is WaveStatus.PAUSED else f"{base}/waves/{row['wave']}"
    return {
        "wave": row["wave"],
        "for": awaited,
        "since": row.get("waitingSince"),
        "until": clock.iso(float(until)) if until else None,
        "answers": [f"POST {prefix}/{answer}" for answer in answers],
    }


def collect_decisions(record: ExecutionRecord) -> list[Decision]:
    """Every decision about the run and its waves, oldest first."""
    rows: list[tuple[str | None, Any]] = [(None, decision) for decision in record.meta.get("decisions", ())]
    rows += [(row["wave"], decision) for row in record.waves for decision in row.get("decisions", ())]
    found = [build_from_row(Decision, row, wave=wave) for wave, row in rows]
    return sorted(found, key=lambda decision: decision["at"])
