"""The actions of a run, and what operators answer about them."""

from dataclasses import replace

from api.http.parameters import IDEMPOTENCY_KEY, idempotency_key
from api.http.request import caller, name_caller, require_id
from api.router import Router
from api.routes.executions import build_execution
from api.schemas.requests.executions import DecisionRequest
from api.schemas.responses.executions import Execution
from api.schemas.responses.steps.lists import ListedActions, build_listed_actions
from recovery.actions import decisions
from recovery.domain.wave_steps.action_record import ActionAnswer
from recovery.errors import ActionNotFound, DecisionRefused, ExecutionNotFound
from recovery.runs.decisions import Operator
from recovery.store import execution_record
from recovery.store.idempotency_keys import RequestKey

router = Router("Actions")

ERRORS = (ActionNotFound, DecisionRefused, ExecutionNotFound)


@router.operation("GET", "/executions/{executionId}/actions", errors=(ExecutionNotFound,))
def list_actions(execution_id: str) -> ListedActions:
    """Lists the actions of a run in the order of its plan, with their outcomes; also those that have not begun."""
    execution_id = require_id(execution_id, ExecutionNotFound, "execution")
    return build_listed_actions(execution_record.read_record(execution_id), execution_record.read_plan(execution_id))


@router.operation(
    "POST", "/executions/{executionId}/actions/{action}/confirm", parameters=(IDEMPOTENCY_KEY,), errors=ERRORS
)
def confirm_action(execution_id: str, action: str, body: DecisionRequest) -> Execution:
    """Confirms that a manual task is done. It needs a comment. Answers 409 if the action waits for no confirmation."""
    return _answer(execution_id, action, ActionAnswer.CONFIRM, body)


@router.operation(
    "POST", "/executions/{executionId}/actions/{action}/reject", parameters=(IDEMPOTENCY_KEY,), errors=ERRORS
)
def reject_action(execution_id: str, action: str, body: DecisionRequest) -> Execution:
    """Rejects a manual task, which then has failed. Answers 409 if the action waits for no confirmation."""
    return _answer(execution_id, action, ActionAnswer.REJECT, body)


@router.operation(
    "POST", "/executions/{executionId}/actions/{action}/retry", parameters=(IDEMPOTENCY_KEY,), errors=ERRORS
)
def retry_action(execution_id: str, action: str, body: DecisionRequest) -> Execution:
    """Runs an action that failed again. Answers 409 if the action waits for no decision."""
    return _answer(execution_id, action, ActionAnswer.RETRY, body)


@router.operation(
    "POST", "/executions/{executionId}/actions/{action}/skip", parameters=(IDEMPOTENCY_KEY,), errors=ERRORS
)
def skip_action(execution_id: str, action: str, body: DecisionRequest) -> Execution:
    """Goes on as if an action that failed had succeeded. Answers 409 if the action waits for no decision."""
    return _answer(execution_id, action, ActionAnswer.SKIP, body)


@router.operation(
    "POST", "/executions/{executionId}/actions/{action}/abort", parameters=(IDEMPOTENCY_KEY,), errors=ERRORS
)
def abort_action(execution_id: str, action: str, body: DecisionRequest) -> Execution:
    """Lets an action that failed count as `onFailure: stop` does. Answers 409 if the action waits for no decision."""
    return _answer(execution_id, action, ActionAnswer.ABORT, body)


def _answer(execution_id: str, action: str, given: ActionAnswer, body: DecisionRequest) -> Execution:
    """Record an answer, unless a request with the same Idempotency-Key has recorded it. Return the run."""
    execution_id = require_id(execution_id, ExecutionNotFound, "execution")
    action, event = require_id(action, ActionNotFound, "action"), router.current_event
    operator = Operator(name_caller(event), body.comment or "")
    if key := idempotency_key(event):
        place = f"{execution_id}/actions/{action}/{given.value}"
        request = RequestKey(caller(event), place, key, body.model_dump_json()).digest
        operator = replace(operator, request=request)
        # An action that was retried may ask for the same answer again, which is another question.
        if decisions.has_recorded(execution_id, request):
            decisions.wake_again(execution_id, action)
            return build_execution(execution_id)
    try:
        decisions.answer(execution_id, action, given, operator.build_entry(given.value))
    except DecisionRefused:
        if operator.request is None or not decisions.has_recorded(execution_id, operator.request):
            raise
    return build_execution(execution_id)
