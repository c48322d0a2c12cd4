"""What operators decide about a run and its waves."""

from collections.abc import Callable
from dataclasses import replace

from api.http.parameters import IDEMPOTENCY_KEY, idempotency_key
from api.http.request import caller, name_caller, require_id
from api.router import Router
from api.routes.executions import build_execution
from api.schemas.requests.executions import DecisionRequest
from api.schemas.responses.executions import Execution
from recovery.domain.verdicts import WaveDecision
from recovery.errors import DecisionRefused, ExecutionNotFound, WaveNotFound
from recovery.runs import decisions
from recovery.runs.decisions import Operator
from recovery.runs.ended import verify_again
from recovery.store.idempotency_keys import RequestKey

router = Router("Decisions")

DECISION_ERRORS = (DecisionRefused, ExecutionNotFound)
# Decisions that a run may need again later, as a retry of a wave is. A verify looks by itself whether it is repeated.
_MAY_COME_AGAIN = ("pause", "resume")
WAVE_ERRORS = (*DECISION_ERRORS, WaveNotFound)


@router.operation("POST", "/executions/{executionId}/pause", parameters=(IDEMPOTENCY_KEY,), errors=DECISION_ERRORS)
def pause(execution_id: str, body: DecisionRequest) -> Execution:
    """Pauses the run before its next wave or batch. Answers 409 if it is paused or has ended."""
    return _record(_require_id(execution_id), "pause", body, lambda by: decisions.pause(execution_id, by))


@router.operation("POST", "/executions/{executionId}/resume", parameters=(IDEMPOTENCY_KEY,), errors=DECISION_ERRORS)
def resume(execution_id: str, body: DecisionRequest) -> Execution:
    """Resumes a paused run, including waves paused by `pauseBefore`. Answers 409 if nothing is paused."""
    return _record(_require_id(execution_id), "resume", body, lambda by: decisions.resume(execution_id, by))


@router.operation("POST", "/executions/{executionId}/cancel", parameters=(IDEMPOTENCY_KEY,), errors=DECISION_ERRORS)
def cancel(execution_id: str, body: DecisionRequest) -> Execution:
    """Cancels the run: nothing more is started, and running jobs are followed to their end.

    Answers 409 if the run has ended or is being cancelled.
    """
    return _record(_require_id(execution_id), "cancel", body, lambda by: decisions.cancel(execution_id, by))


@router.operation(
    "POST", "/executions/{executionId}/waves/{wave}/approve", parameters=(IDEMPOTENCY_KEY,), errors=WAVE_ERRORS
)
def approve(execution_id: str, wave: str, body: DecisionRequest) -> Execution:
    """Approves the start of a wave. Answers 409 if the wave does not wait for approval."""
    return _decide(execution_id, wave, WaveDecision.APPROVE, body)


@router.operation(
    "POST", "/executions/{executionId}/waves/{wave}/reject", parameters=(IDEMPOTENCY_KEY,), errors=WAVE_ERRORS
)
def reject(execution_id: str, wave: str, body: DecisionRequest) -> Execution:
    """Skips a wave that waits for approval. Answers 409 if the wave does not wait for approval."""
    return _decide(execution_id, wave, WaveDecision.REJECT, body)


@router.operation(
    "POST", "/executions/{executionId}/waves/{wave}/retry", parameters=(IDEMPOTENCY_KEY,), errors=WAVE_ERRORS
)
def retry(execution_id: str, wave: str, body: DecisionRequest) -> Execution:
    """Launches the failed servers of a failed wave again. Answers 409 if the wave does not wait for a decision."""
    return _decide(execution_id, wave, WaveDecision.RETRY, body)


@router.operation(
    "POST", "/executions/{executionId}/waves/{wave}/verify", parameters=(IDEMPOTENCY_KEY,), errors=WAVE_ERRORS
)
def verify(execution_id: str, wave: str, body: DecisionRequest) -> Execution:
    """Checks the launched servers again that have not passed their checks.

    While the run goes on, the wave has to wait for a decision. After the run has ended, the verdicts of the wave and of
    the run are corrected when the checks have ended; they never become worse. Answers 409 if the wave does not wait for
    a decision, its servers are being checked, none of them has failed its checks, or the drill was cleaned up.
    """
    execution_id, wave = _require_id(execution_id), require_id(wave, WaveNotFound, "wave")
    return _record(execution_id, f"waves/{wave}/verify", body, lambda by: verify_again.verify(execution_id, wave, by))


@router.operation(
    "POST", "/executions/{executionId}/waves/{wave}/accept", parameters=(IDEMPOTENCY_KEY,), errors=WAVE_ERRORS
)
def accept(execution_id: str, wave: str, body: DecisionRequest) -> Execution:
    """Accepts a failed wave, so that dependent waves start. Answers 409 if it does not wait for a decision."""
    return _decide(execution_id, wave, WaveDecision.ACCEPT, body)


@router.operation(
    "POST", "/executions/{executionId}/waves/{wave}/abort", parameters=(IDEMPOTENCY_KEY,), errors=WAVE_ERRORS
)
def abort(execution_id: str, wave: str, body: DecisionRequest) -> Execution:
    """Gives up a failed wave and stops the run. Answers 409 if the wave does not wait for a decision."""
    return _decide(execution_id, wave, WaveDecision.ABORT, body)


def _decide(execution_id: str, wave: str, decision: WaveDecision, body: DecisionRequest) -> Execution:
    execution_id, wave = _require_id(execution_id), require_id(wave, WaveNotFound, "wave")
    place = f"waves/{wave}/{decision.value}"
    return _record(execution_id, place, body, lambda by: decisions.decide_wave(execution_id, wave, decision, by))


def _record(execution_id: str, place: str, body: DecisionRequest, decide: Callable[[Operator], None]) -> Execution:
    """Record a decision, unless a request with the same Idempotency-Key has recorded it. Return the run."""
    event = router.current_event
    operator = Operator(name_caller(event), body.comment or "")
    if key := idempotency_key(event):
        request = RequestKey(caller(event), f"{execution_id}/{place}", key, body.model_dump_json()).digest
        operator = replace(operator, request=request)
        if place in _MAY_COME_AGAIN or place.endswith("/retry"):
            wave = place.split("/")[1] if "/" in place else None
            if decisions.has_recorded(execution_id, request):
                decisions.wake_again(execution_id, wave)
                return build_execution(execution_id)
    try:
        decide(operator)
    except DecisionRefused:
        if operator.request is None or not decisions.has_recorded(execution_id, operator.request):
            raise
    return build_execution(execution_id)


def _require_id(execution_id: str) -> str:
    return require_id(execution_id, ExecutionNotFound, "execution")
