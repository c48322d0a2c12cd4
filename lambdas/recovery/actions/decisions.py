"""Answers of operators about actions: confirm or reject a manual task; retry, skip or abort an action that failed.

To confirm a manual task always needs a comment: it says what the person did and saw. With `fourEyes`, who has started
the run may neither confirm nor skip, and with `commentsRequired`, to skip or to abort needs a comment too.

An answer is one conditional write to the record and to the requests of the run; only then is the machine woken. A
repeated or unexpected answer is refused and changes nothing.
"""

from collections.abc import Mapping
from typing import Any

from recovery import identities
from recovery.domain.execution import Execution, Run
from recovery.domain.verdicts import WaveGate
from recovery.domain.wave_steps.action_record import OF_PLAN, ActionAnswer, ActionRecord
from recovery.domain.wave_steps.order import list_in_order
from recovery.errors import ActionNotFound, DecisionRefused, InvalidRequest
from recovery.observability import operator_messages
from recovery.store import executions, run_requests, task_tokens
from recovery.store.steps import actions as store

# With `fourEyes`, these need another person than who started the run: they let it go on.
NEED_ANOTHER_PERSON = (ActionAnswer.CONFIRM, ActionAnswer.SKIP)

# With `commentsRequired`, these need a reason.
NEED_COMMENT = (ActionAnswer.SKIP, ActionAnswer.ABORT)


def has_recorded(execution_id: str, request: str) -> bool:
    """Return whether an answer was recorded for this request, so that its repetition is no new answer."""
    rows = store.list_rows(execution_id)
    return any(entry.get("request") == request for row in rows for entry in row.get("decisions", ()))


def wake_again(execution_id: str, name: str) -> None:
    """Wake the machine that an answer was to wake: the function that recorded it may have been killed before."""
    run = run_requests.read_requests(execution_id).apply_to_run(executions.get_run(execution_id))
    record = _find(Execution(run, run_requests.get_plan(execution_id)), name)
    if record:
        task_tokens.release_tokens(execution_id, WaveGate.ACTION, record.wave or OF_PLAN)


def answer(execution_id: str, name: str, given: ActionAnswer, entry: Mapping[str, Any]) -> None:
    """Record an operator's answer about an action, and wake the machine that waits for it.

    `entry` has `decision`, `by`, `at`, `comment` and, for a request that may be repeated, `request`. Raise
    ExecutionNotFound, ActionNotFound, DecisionRefused, InvalidRequest when the answer needs a comment.
    """
    run = run_requests.read_requests(execution_id).apply_to_run(executions.get_run(execution_id))
    record = _find(Execution(run, run_requests.get_plan(execution_id)), name)
    reason = _find_reason_against(run, record, given)
    if reason is None and record:
        requester = _find_requester(run, given, entry["by"])
        if requester:
            reason = f"with fourEyes, another person does this than who started the run, and you may be {requester}"
        elif why := _find_missing_comment(run, given, entry["comment"]):
            raise InvalidRequest("The decision needs a comment.", [{"field": "comment", "message": why}])
        elif store.record_answer(record, given, entry):
            task_tokens.release_tokens(execution_id, WaveGate.ACTION, record.wave or OF_PLAN)
            operator_messages.send_decision(run, f"{given.value} {name}", entry["by"], entry["comment"])
            return
        else:
            reason = f"action {name} was answered already, or no longer waits"
    if record:  # an earlier request may have been killed before it woke the machine
        task_tokens.release_tokens(execution_id, WaveGate.ACTION, record.wave or OF_PLAN)
    message = f"cannot {given.value} {name} in execution {execution_id}: {reason}"
    raise DecisionRefused(message, executionId=execution_id)


def _find(execution: Execution, name: str) -> ActionRecord | None:
    """The record of an action; None if it has not begun. Raise ActionNotFound."""
    for record in store.list_all(execution.execution_id):
        if record.name == name:
            return record
    if any(placed.action.name == name for placed in list_in_order(execution.plan)):
        return None
    raise ActionNotFound(f"execution {execution.execution_id} has no action {name!r}")


def _find_reason_against(run: Run, record: ActionRecord | None, given: ActionAnswer) -> str | None:
    if run.is_halted:
        return run.halted_because
    if record is None:
        return "it has not begun"
    if record.waiting_for is not given.awaited:
        awaited = " or ".join(record.waiting_for.answers) if record.waiting_for else "no answer"
        return f"action {record.name} is {record.status.value} and waits for {awaited}"
    return None


def _find_requester(run: Run, given: ActionAnswer, by: str) -> str | None:
    """Who started the run, if that prevents this operator from giving the answer."""
    if not run.four_eyes or given not in NEED_ANOTHER_PERSON:
        return None
    return identities.find_same_person(by, run.requesters)


def _find_missing_comment(run: Run, given: ActionAnswer, comment: str) -> str | None:
    if comment.strip():
        return None
    if given is ActionAnswer.CONFIRM:
        return "is missing; to confirm a manual task, say what you did and what you saw"
    if run.comments_required and given in NEED_COMMENT:
        return f"is missing; the plan has commentsRequired, so {given.value} needs the reason"
    return None
