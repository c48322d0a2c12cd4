"""Protection groups."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api import answers, inputs
from api.requests import GroupRequest, GroupUpdate, parse
from recovery import catalog
from recovery.errors import GroupNotFound

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The group; `usedBy` has the ids of the plans that use it."""
    return {**row, "version": row.get("version", 1), "usedBy": sorted(row.get("usedBy") or ())}


def _known(group_id: str) -> str:
    return inputs.known_id(group_id, GroupNotFound, "protection group")


@router.post("/protection-groups")
def create_group() -> Response[str]:
    """201 with the group."""
    group = parse(GroupRequest, inputs.json_body(router.current_event)).to_group(answers.new_id("pg"))
    catalog.create_group(group)
    return answers.created(f"/protection-groups/{group.group_id}", _shown(group.to_item()))


@router.get("/protection-groups")
def list_groups() -> dict[str, Any]:
    """A page of groups."""
    page = catalog.list_groups(*inputs.page(router.current_event))
    return {"protectionGroups": [_shown(row) for row in page.items], "nextToken": page.next_token}


@router.get("/protection-groups/<group_id>")
def read_group(group_id: str) -> Response[str]:
    """The group."""
    return answers.found(_shown(catalog.group_row(_known(group_id))))


@router.put("/protection-groups/<group_id>")
def update_group(group_id: str) -> Response[str]:
    """200 with the group as it is now; 409 when it was changed since, or a plan names a server it would lose."""
    request = parse(GroupUpdate, inputs.json_body(router.current_event))
    version = inputs.needed_version(router.current_event, request.version)
    return answers.found(_shown(catalog.update_group(request.to_group(_known(group_id)), version)))


@router.delete("/protection-groups/<group_id>")
def delete_group(group_id: str) -> Response[str]:
    """204; 409 naming the plans that use it."""
    catalog.delete_group(_known(group_id), inputs.version(router.current_event))
    return answers.gone()
