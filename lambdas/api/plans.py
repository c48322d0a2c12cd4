"""Recovery plans."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api import answers, inputs, views
from api.answers import created
from api.requests import PlanRequest, PlanUpdate, parse
from recovery import catalog, instances
from recovery.errors import InvalidRequest, PlanNotFound
from recovery.plan import ProtectionGroup, RecoveryPlan

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


def _known(plan_id: str) -> str:
    return inputs.known_id(plan_id, PlanNotFound, "recovery plan")


def _shown(plan: RecoveryPlan) -> dict[str, Any]:
    return views.plan({**plan.to_item(), "activeExecutionId": plan.active_execution_id})


@router.post("/recovery-plans")
def create_plan() -> Response[str]:
    """201 with the plan; 400 when its waves do not fit together or name groups or servers that are not there."""
    request = parse(PlanRequest, inputs.json_body(router.current_event))
    plan = request.to_plan(answers.new_id("rp"))
    _check_groups(request, catalog.find_groups(plan.group_ids))
    catalog.create_plan(plan)
    return created(f"/recovery-plans/{plan.plan_id}", _shown(plan))


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
    page = catalog.list_plans(*inputs.page(router.current_event))
    return {"recoveryPlans": [views.plan(item) for item in page.items], "nextToken": page.next_token}


@router.get("/recovery-plans/<plan_id>")
def read_plan(plan_id: str) -> Response[str]:
    """The plan, with the run that is on and what its drills have left running."""
    plan = catalog.get_plan(_known(plan_id))
    return answers.found({**_shown(plan), "drillInstances": instances.drill_instances(plan.plan_id)})


@router.put("/recovery-plans/<plan_id>")
def update_plan(plan_id: str) -> Response[str]:
    """200 with the plan as it is now, 409 when it was changed since. A run that is on keeps the plan it began with."""
    plan_id = _known(plan_id)
    request = parse(PlanUpdate, inputs.json_body(router.current_event))
    version = inputs.needed_version(router.current_event, request.version)
    plan = request.to_plan(plan_id)
    _check_groups(request, catalog.find_groups(plan.group_ids))
    return answers.found(_shown(catalog.update_plan(plan, version)))


@router.delete("/recovery-plans/<plan_id>")
def delete_plan(plan_id: str) -> Response[str]:
    """204; 409 naming the run while the plan runs. The records of its runs stay."""
    catalog.delete_plan(_known(plan_id), inputs.version(router.current_event))
    return answers.gone()
