"""Recovery plans."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api import views
from api.http import response
from api.http.request import json_body, page_parameters, require_id, require_version, version
from api.schemas import requests
from api.schemas.requests import PlanRequest, PlanUpdate
from recovery.cache import recovery_instances
from recovery.catalog import plans
from recovery.catalog.groups import find_groups
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.errors import InvalidRequest, PlanNotFound

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


def _known(plan_id: str) -> str:
    return require_id(plan_id, PlanNotFound, "recovery plan")


def _shown(plan: RecoveryPlan) -> dict[str, Any]:
    return views.plan({**plan.to_item(), "activeExecutionId": plan.active_execution_id})


@router.post("/recovery-plans")
def create_plan() -> Response[str]:
    """201 with the plan; 400 when its waves do not fit together or name groups or servers that are not there."""
    request = requests.parse(PlanRequest, json_body(router.current_event))
    plan = request.to_plan(response.new_id("rp"))
    _check_groups(request, find_groups(plan.group_ids))
    plans.create_plan(plan)
    return response.created(f"/recovery-plans/{plan.plan_id}", _shown(plan))


def _check_groups(request: PlanRequest, groups: dict[str, ProtectionGroup]) -> None:
    problems = []
    for wave_number, wave in enumerate(request.waves):
        for use_number, use in enumerate(wave.groups):
            field = f"waves[{wave_number}].groups[{use_number}]"
            group = groups.get(use.group_id)
            if group is None:
                message = f"there is no protection group {use.group_id}"
                problems.append({"field": f"{field}.groupId", "message": message})
            elif group.server_ids:
                strangers = sorted(set(use.source_server_ids or ()) - set(group.server_ids))
                if strangers:
                    message = f"not in protection group {group.name}: {', '.join(strangers[:5])}"
                    problems.append({"field": f"{field}.sourceServerIds", "message": message})
    if problems:
        raise InvalidRequest("The plan names things that are not there.", problems)


@router.get("/recovery-plans")
def list_plans() -> dict[str, Any]:
    """A page of plans."""
    page = plans.list_plans(*page_parameters(router.current_event))
    return {"recoveryPlans": [views.plan(item) for item in page.items], "nextToken": page.next_token}


@router.get("/recovery-plans/<plan_id>")
def read_plan(plan_id: str) -> Response[str]:
    """The plan, with the run that is on and what its drills have left running."""
    plan = plans.get_plan(_known(plan_id))
    return response.resource(
        {**_shown(plan), "drillInstances": recovery_instances.summarize_drill_instances(plan.plan_id)}
    )


@router.put("/recovery-plans/<plan_id>")
def update_plan(plan_id: str) -> Response[str]:
    """200 with the plan as it is now, 409 when it was changed since. A run that is on keeps the plan it began with."""
    plan_id = _known(plan_id)
    request = requests.parse(PlanUpdate, json_body(router.current_event))
    version = require_version(router.current_event, request.version)
    plan = request.to_plan(plan_id)
    _check_groups(request, find_groups(plan.group_ids))
    return response.resource(_shown(plans.update_plan(plan, version)))


@router.delete("/recovery-plans/<plan_id>")
def delete_plan(plan_id: str) -> Response[str]:
    """204; 409 naming the run while the plan runs. The records of its runs stay."""
    plans.delete_plan(_known(plan_id), version(router.current_event))
    return response.no_content()
