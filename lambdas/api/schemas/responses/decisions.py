"""What a run waits for, and what operators have decided, as the API shows it."""

from typing import Any, Literal

from pydantic import Field

from api.schemas.responses.base import ResponseModel
from recovery import clock
from recovery.domain.execution import ExecutionStatus, WaveStatus
from recovery.store.execution_record import ExecutionRecord, Row


class WaitingFor(ResponseModel):
    """A decision that the run waits for, and the requests that give it."""

    wave: str | None
    for_: Literal["APPROVAL", "DECISION", "RESUME"] = Field(alias="for")
    since: str | None
    until: str | None = None
    answers: list[str]


class Decision(ResponseModel):
    """Who decided what, and when; `wave` is null for a decision about the whole run."""

    wave: str | None
    decision: str
    by: str
    at: str
    comment: str


# The decisions that a wave of this status waits for.
_ANSWERS = {
    WaveStatus.AWAITING_APPROVAL: ("approve", "reject"),
    WaveStatus.AWAITING_DECISION: ("retry", "accept", "abort"),
    WaveStatus.PAUSED: ("resume",),
}


def collect_waiting(record: ExecutionRecord) -> list[WaitingFor]:
    """The decisions that the run waits for."""
    meta = record.meta
    base = f"/executions/{meta['executionId']}"
    if ExecutionStatus(meta["status"]).is_final or meta.get("cancelledBy"):
        return []
    waiting = []
    if meta["status"] == ExecutionStatus.PAUSED:
        resume = {"wave": None, "for": "RESUME", "since": meta.get("pausedAt"), "answers": [f"POST {base}/resume"]}
        waiting.append(WaitingFor.model_validate(resume))
    return waiting + [
        _waiting_wave(row, base) for row in record.waves if row["status"] in _ANSWERS and not row.get("failureDecision")
    ]


def _waiting_wave(row: Row, base: str) -> WaitingFor:
    status = WaveStatus(row["status"])
    until = row.get("approvalUntil") if status is WaveStatus.AWAITING_APPROVAL else None
    prefix = base if status is WaveStatus.PAUSED else f"{base}/waves/{row['wave']}"
    return WaitingFor.model_validate(
        {
            "wave": row["wave"],
            "for": "RESUME" if status is WaveStatus.PAUSED else status.value.removeprefix("AWAITING_"),
            "since": row.get("waitingSince"),
            "until": clock.iso(float(until)) if until else None,
            "answers": [f"POST {prefix}/{answer}" for answer in _ANSWERS[status]],
        }
    )


def collect_decisions(record: ExecutionRecord) -> list[Decision]:
    """Every decision about the run and its waves, oldest first."""
    rows: list[tuple[str | None, Any]] = [(None, decision) for decision in record.meta.get("decisions", ())]
    rows += [(row["wave"], decision) for row in record.waves for decision in row.get("decisions", ())]
    return sorted((Decision.from_item(row, wave=wave) for wave, row in rows), key=lambda decision: decision.at)
