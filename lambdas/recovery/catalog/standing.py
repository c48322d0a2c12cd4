"""What plans keep of their readiness: the slot that the schedule has taken, and the last answer.

Both are attributes of the plan's row, beside the version: no update of the plan removes them, and they end with it.
"""

from typing import Any

from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.domain.standing.answers import AnswerChange, ReadinessAnswer
from recovery.domain.standing.slots import StandingPlan
from recovery.settings import settings


def _table() -> str:
    return settings().recovery_plans_table


def _key(plan_id: str) -> dict[str, str]:
    return {"planId": plan_id}


def list_standing() -> list[StandingPlan]:
    """The plans whose readiness is checked on a schedule. Scans a small table."""
    plans = map(StandingPlan.from_row, dynamodb.scan(_table()))
    return [plan for plan in plans if plan]


def find_standing(plan_id: str) -> StandingPlan | None:
    """The plan as its schedule has it; None if it has none, or is gone."""
    row = dynamodb.get(_table(), _key(plan_id))
    return StandingPlan.from_row(row) if row else None


def take_slot(plan: StandingPlan, slot: int, execution_id: str) -> bool:
    """Note that the run is that of the slot. False if the plan is gone or busy, or another look was first."""
    condition = "attribute_exists(#planId) AND attribute_exists(#readinessEveryHours)"
    condition += " AND attribute_not_exists(#activeExecutionId)"
    given: dict[str, Any] = {}
    if plan.slot is None:
        condition += " AND attribute_not_exists(#standing)"
    else:
        condition += " AND #standing.#slot = :before"
        given = {"before": plan.slot}
    taken = {"standing": {"slot": slot, "executionId": execution_id}}
    return dynamodb.update_if(_table(), _key(plan.plan_id), taken, condition=condition, given=given)


def record_begun(plan_id: str, slot: int, execution_id: str) -> None:
    """Note that the state machine of the slot's run has been started."""
    begun = {"standing": {"slot": slot, "executionId": execution_id, "begun": True}}
    mine = {"mine": execution_id}
    dynamodb.update_if(_table(), _key(plan_id), begun, condition="#standing.#executionId = :mine", given=mine)


def record_answer(plan_id: str, answer: ReadinessAnswer) -> AnswerChange | None:
    """Keep the answer as the plan's last; return it with the one before.

    None if the plan has been deleted, or has this answer or a later one already.
    """
    condition = (
        "attribute_exists(#planId) AND (attribute_not_exists(#lastReadiness) OR "
        "(#lastReadiness.#executionId <> :mine AND #lastReadiness.#at <= :at))"
    )
    given = {"mine": answer.execution_id, "at": answer.at}
    try:
        before = dynamodb.exchange(
            _table(), _key(plan_id), "lastReadiness", answer.to_item(), condition=condition, given=given
        )
    except ConditionFailed:
        return None
    return AnswerChange(ReadinessAnswer.from_item(before) if before else None, answer)
