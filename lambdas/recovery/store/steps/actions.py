"""ACTION# rows: the actions of a run, each from the intent to run it to its outcome.

A write holds only if the row is as it was read (`version`), so of two invocations that act at once one loses. The rows
ACTION#name of the run-requests table have what operators answered about an action; what goes on believes these only.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.domain.wave_steps.action_record import OF_PLAN, ActionAnswer, ActionRecord, AwaitedAnswer
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.store import executions, run_requests

Row = Mapping[str, Any]


def list_rows(execution_id: str) -> list[dict[str, Any]]:
    """Read the rows of all actions of a run, as they are, with the decisions about them."""
    return list(executions.query_rows(execution_id, "ACTION#"))


def list_actions(execution_id: str, wave: str | None, place: ActionPlace) -> dict[int, ActionRecord]:
    """Read the actions at a place of a wave, or of the plan, by their number."""
    prefix = f"ACTION#{wave or OF_PLAN}#{place.value}#"
    records = map(ActionRecord.from_item, executions.query_rows(execution_id, prefix))
    return {record.number: record for record in records}


def list_all(execution_id: str) -> list[ActionRecord]:
    """Read all actions of a run."""
    return [ActionRecord.from_item(row) for row in list_rows(execution_id)]


def save(record: ActionRecord) -> ActionRecord | None:
    """Write the row over the version that the record was read from; None if it has moved on since.

    Return the record as it is then.
    """
    written = replace(record, version=record.version + 1)
    key = {"executionId": record.execution_id, "item": record.sort_key}
    values = written.to_item()
    is_as_read: dict[str, Any] = {"condition": "attribute_not_exists(#version)"}
    if record.version:
        is_as_read = {"condition": "#version = :read", "given": {"read": record.version}}
    removed = [name for name, value in values.items() if value is None]
    is_saved = dynamodb.update_if(executions.table(), key, values, remove=removed, **is_as_read)
    return written if is_saved else None


# --- answers of operators ---------------------------------------------------------------------------------------
def record_answer(record: ActionRecord, answer: ActionAnswer, decision: Row) -> bool:
    """Record an operator's answer about this attempt; False if the action no longer waits for it.

    `waitingFor` stays until the state machine goes on with the answer, so `answered` says that one is there. The answer
    counts as a write of the row: a function that read the row before it, because the time was up, cannot overrule it.
    """
    awaited, answered = answer.awaited, answer.awaited.of_attempt(record.attempt)
    key = {"executionId": record.execution_id, "item": record.sort_key}
    in_record = dynamodb.update_action(
        executions.table(),
        key,
        {"answered": answered, "version": record.version + 1},
        append={
            "decisions": decision,
            "waits": {"since": record.waiting_since, "until": decision["at"], "by": decision["by"]},
        },
        remove=["waitingSince"],
        condition=(
            "#waitingFor = :awaited AND #attempt = :attempt AND #version = :read AND (attribute_not_exists(#answered) "
            "OR #answered <> :answer)"
        ),
        given={
            "awaited": awaited.value,
            "attempt": record.attempt,
            "read": record.version,
            "answer": answered,
        },
    )
    kept = {**decision, "decision": answer.value, "attempt": record.attempt}
    try:
        dynamodb.transact(
            [in_record, run_requests.decide_action_action(record.execution_id, record.name, awaited.value, kept)]
        )
    except ConditionFailed:
        return False
    return True


def read_answers(execution_id: str) -> dict[str, Row]:
    """What operators answered about the actions of a run, by the name of the action."""
    return run_requests.read_action_answers(execution_id)


def find_answer(answers: Mapping[str, Row], record: ActionRecord, awaited: AwaitedAnswer) -> Row | None:
    """The answer about this attempt, with `decision`, `by`, `at` and `comment`; None while there is none."""
    answer = answers.get(record.name, {}).get(awaited.value)
    if answer is None or int(answer["attempt"]) != record.attempt:
        return None
    found: Row = answer
    return found
