"""Drills, recoveries, and the record of each run."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api import inputs, views
from api.plans import created
from api.requests import StartRequest, parse
from recovery import starting, store
from recovery.errors import ExecutionNotFound, PlanNotFound
from recovery.execution import ExecutionStatus, Mode

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


@router.post("/recovery-plans/<plan_id>/drills")
def start_drill(plan_id: str) -> Response[str]:
    """202 with the execution; 409 naming the run when the plan is running already."""
    return _start(plan_id, Mode.DRILL)


@router.post("/recovery-plans/<plan_id>/recoveries")
def start_recovery(plan_id: str) -> Response[str]:
    """202 with the execution. A path of its own, so that IAM can allow drills without recoveries."""
    return _start(plan_id, Mode.RECOVERY)


def _start(plan_id: str, mode: Mode) -> Response[str]:
    parse(StartRequest, inputs.json_body(router.current_event, may_be_empty=True))
    plan_id = inputs.known_id(plan_id, PlanNotFound, "recovery plan")
    execution = starting.start(plan_id, mode, inputs.caller(router.current_event))
    return created(f"/executions/{execution.execution_id}", views.execution(execution.to_item()), status=202)


@router.get("/executions")
def list_executions() -> dict[str, Any]:
    """A page of runs, newest first; `planId` or `status` narrows them down."""
    status, plan_id = inputs.query(router.current_event).get("status"), inputs.plan_id(router.current_event)
    if status and status not in ExecutionStatus.__members__:
        raise inputs.invalid("status", f"must be one of {', '.join(ExecutionStatus)}")
    if status and plan_id:
        raise inputs.invalid("planId", "give planId or status, not both")
    limit, token = inputs.page(router.current_event)
    page = store.list_executions(limit, token, plan_id, status)
    return {"executions": [views.execution(item) for item in page.items], "nextToken": page.next_token}


@router.get("/executions/<execution_id>")
def read_execution(execution_id: str) -> dict[str, Any]:
    """The run with its waves, batches and servers, read from the record alone."""
    return views.whole(store.whole_record(inputs.known_id(execution_id, ExecutionNotFound, "execution")))
