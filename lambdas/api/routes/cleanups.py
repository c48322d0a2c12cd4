"""The clean-up of drills."""

from api.http.parameters import IDEMPOTENCY_KEY, idempotency_key
from api.http.request import caller, name_caller, require_id
from api.router import Router
from api.schemas.requests.executions import CleanupRequest
from api.schemas.responses.cleanups import Cleanup, build_cleanup
from recovery.cleanup import cleanup
from recovery.errors import (
    CleanupRunning,
    ExecutionNotFound,
    ExecutionStillRunning,
    IdempotencyConflict,
    NotADrill,
    StartFailed,
)
from recovery.store.idempotency_keys import RequestKey

router = Router("Recovery instances")


@router.operation(
    "POST",
    "/executions/{executionId}/cleanup",
    status=202,
    location="/executions/{executionId}/cleanup",
    parameters=(IDEMPOTENCY_KEY,),
    errors=(CleanupRunning, ExecutionNotFound, ExecutionStillRunning, IdempotencyConflict, NotADrill, StartFailed),
)
def start_cleanup(execution_id: str, body: CleanupRequest) -> Cleanup:
    """Starts the clean-up of a drill and of the runs that it is continued by or continues: terminates their instances.

    While one is running, returns that one. With the same Idempotency-Key, it returns the clean-up that the first
    request started, even if that has ended. Answers 409 for a recovery, and while one of these runs has not ended.
    """
    execution_id, event = _require_id(execution_id), router.current_event
    key = idempotency_key(event)
    request = RequestKey(caller(event), f"{execution_id}/cleanup", key, body.model_dump_json()) if key else None
    return build_cleanup(cleanup.start_cleanup(execution_id, name_caller(event), request))


@router.operation("GET", "/executions/{executionId}/cleanup", errors=(ExecutionNotFound,))
def read_cleanup(execution_id: str) -> Cleanup:
    """Returns the progress of the latest clean-up that covers the drill. Its status is NONE if there was none."""
    row, chunks = cleanup.read_cleanup(_require_id(execution_id))
    if row is None:
        return build_cleanup({"executionId": execution_id, "status": "NONE", "executions": []})
    return build_cleanup(row, chunks)


def _require_id(execution_id: str) -> str:
    return require_id(execution_id, ExecutionNotFound, "execution")
