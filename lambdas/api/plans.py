"""Protection groups and recovery plans."""

import secrets
from typing import Any

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import TypeAdapter

from api import inputs, views
from api.requests import GroupRequest, PlanRequest, parse
from recovery import catalog, instances
from recovery.errors import GroupNotFound, InvalidRequest, PlanNotFound
from recovery.plan import ProtectionGroup, RecoveryPlan

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped
_json = TypeAdapter(Any).dump_json


def created(location: str, body: dict[str, Any], status: int = 201) -> Response[str]:
    """A resource and where to find it."""
    return Response(status, content_types.APPLICATION_JSON, _json(body).decode(), headers={"Location": location})


def new_id(prefix: str) -> str:
    """`pg-4f1c09ab27d3`: short enough to say aloud, long enough never to meet again."""
    return f"{prefix}-{secrets.token_hex(6)}"


@router.post("/protection-groups")
def create_group() -> Response[str]:
    """201 with the group."""
    group = parse(GroupRequest, inputs.json_body(router.current_event)).to_group(new_id("pg"))
    catalog.create_group(group)
    return created(f"/protection-groups/{group.group_id}", group.to_item())


@router.get("/protection-groups")
def list_groups() -> dict[str, Any]:
    """A page of groups."""
    page = catalog.list_groups(*inputs.page(router.current_event))
    return {"protectionGroups": page.items, "nextToken": page.next_token}


@router.get("/protection-groups/<group_id>")
def read_group(group_id: str) -> dict[str, Any]:
    """The group."""
    return catalog.get_group(inputs.known_id(group_id, GroupNotFound, "protection group")).to_item()


@router.post("/recovery-plans")
def create_plan() -> Response[str]:
    """201 with the plan; 400 when its waves do not fit together or name groups or servers that are not there."""
    request = parse(PlanRequest, inputs.json_body(router.current_event))
    plan = RecoveryPlan(new_id("rp"), request.name, request.to_waves(), request.description, request.launch_attempts)
    _check_groups(request, catalog.find_groups(plan.group_ids))
    catalog.create_plan(plan)
    return created(f"/recovery-plans/{plan.plan_id}", views.plan(plan.to_item()))


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
def read_plan(plan_id: str) -> dict[str, Any]:
    """The plan, with the run that is on and what its drills have left running."""
    plan = catalog.get_plan(inputs.known_id(plan_id, PlanNotFound, "recovery plan"))
    shown = views.plan({**plan.to_item(), "activeExecutionId": plan.active_execution_id})
    return {**shown, "drillInstances": instances.drill_instances(plan.plan_id)}
