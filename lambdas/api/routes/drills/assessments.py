"""What people say of a run that has ended, and the assessment that the report has of it."""

from api.http.parameters import IDEMPOTENCY_KEY, idempotency_key
from api.http.request import caller, name_caller, require_id
from api.router import Router
from api.schemas.requests.drills.verdicts import VerdictRequest
from api.schemas.responses.drills.verdicts import Assessment, PersonVerdict, build_assessment, build_verdict
from recovery import clock
from recovery.drill_errors import VerdictRefused
from recovery.drills import verdicts
from recovery.drills.assessment import assess
from recovery.errors import ExecutionNotFound
from recovery.runs.decisions import Operator
from recovery.store.idempotency_keys import RequestKey

router = Router("Drills")


@router.operation("GET", "/executions/{executionId}/assessment", errors=(ExecutionNotFound,))
def read_assessment(execution_id: str) -> Assessment:
    """Returns whether a run counts as a drill, what people say of it, and what has changed since the drill before.

    `carried` has the findings of earlier runs that were open at the end of the drill before, or were opened between it
    and this run, and what became of them.
    """
    return build_assessment(assess(_require_id(execution_id)), clock.now())


@router.operation(
    "PUT",
    "/executions/{executionId}/verdict",
    parameters=(IDEMPOTENCY_KEY,),
    errors=(ExecutionNotFound, VerdictRefused),
)
def give_verdict(execution_id: str, body: VerdictRequest) -> PersonVerdict:
    """Records what a person says of a drill or a recovery that has ended, and writes its evidence again.

    The verdict may be changed; the earlier ones stay on record. A drill that is rejected does not count. With
    `fourEyes`, another person accepts a run than who started it. Answers 409 while the run goes on, and for a readiness
    run.
    """
    execution_id, event = _require_id(execution_id), router.current_event
    key = idempotency_key(event)
    place = f"{execution_id}/verdict"
    request = RequestKey(caller(event), place, key, body.model_dump_json()).digest if key else None
    operator = Operator(name_caller(event), body.comment or "", request)
    return build_verdict(verdicts.give_verdict(execution_id, body.verdict, operator))


def _require_id(execution_id: str) -> str:
    return require_id(execution_id, ExecutionNotFound, "execution")
