"""WAVE# rows: where each wave of a run stands."""

from collections.abc import Mapping
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.execution import STATUSES_BEFORE_START, Execution, Tally, WaveState, WaveStatus
from recovery.domain.verdicts import WaveVerdict
from recovery.store import executions
from recovery.store.conditions import status_in


def _key(execution_id: str, wave: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": f"WAVE#{wave}"}


def create_waves(execution: Execution) -> bool:
    """Write the wave rows as WAITING; rows that are there already stay as they are. True when none was there."""
    made = []
    for order, wave in enumerate(execution.plan.waves):
        row = {
            **_key(execution.execution_id, wave.name),
            "wave": wave.name,
            "order": order,
            "status": WaveStatus.WAITING.value,
            "dependsOn": list(wave.depends_on),
            "rtoTargetMinutes": wave.rto_target_minutes,
        }
        made.append(dynamodb.put_new(executions.table(), row, "executionId"))
    return all(made)


def list_rows(execution_id: str) -> list[dict[str, Any]]:
    """The wave rows in plan order."""
    return sorted(executions.query_rows(execution_id, "WAVE#"), key=lambda row: int(row["order"]))


def read_states(execution_id: str) -> dict[str, WaveState]:
    """Where each wave is, in plan order."""
    return {row["wave"]: WaveState.from_item(row) for row in list_rows(execution_id)}


def update_wave(execution_id: str, wave: str, values: Mapping[str, Any], *statuses: WaveStatus, **more: Any) -> bool:
    """Write to a wave that is at one of these statuses; False when it is at another.

    `more` is what `dynamo.assignment` takes besides; a `condition` in it comes on top.
    """
    condition, given = status_in(*statuses)
    if further := more.pop("condition", None):
        condition = f"{condition} AND {further}"
    given |= more.pop("given", {})
    return dynamodb.update_if(
        executions.table(), _key(execution_id, wave), values, condition=condition, given=given, **more
    )


def start_wave(execution_id: str, wave: str) -> bool:
    """The wave becomes IN_PROGRESS; a repeat changes nothing. Further rounds keep the first start."""
    values = {"status": WaveStatus.IN_PROGRESS.value}
    first = update_wave(
        execution_id,
        wave,
        {**values, "startedAt": clock.iso()},
        *STATUSES_BEFORE_START,
        condition="attribute_not_exists(#startedAt)",
    )
    return first or update_wave(execution_id, wave, values, *STATUSES_BEFORE_START)


def settle_wave(execution_id: str, wave: str, verdict: WaveVerdict, tally: Tally, round_: int | None = None) -> bool:
    """Write a wave's verdict, once; AWAITING_DECISION is one that people still have to give their word on.

    With a round, only if people have not asked for another since it was judged.
    """
    values: dict[str, Any] = {
        "status": verdict.status.value,
        "reason": verdict.reason,
        "servers": tally.to_item(),
        "endedAt" if verdict.status.is_final else "waitingSince": clock.iso(),
    }
    asked = (WaveStatus.AWAITING_DECISION,) if verdict.status.is_final else ()
    same: dict[str, Any] = {}
    if round_ is not None:
        unasked = "attribute_not_exists(#round) OR " if round_ == 0 else ""
        same = {"condition": f"({unasked}#round = :judged)", "given": {"judged": round_}}
    return update_wave(execution_id, wave, values, *STATUSES_BEFORE_START, WaveStatus.IN_PROGRESS, *asked, **same)
