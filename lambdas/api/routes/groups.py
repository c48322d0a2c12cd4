"""Protection groups."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api.http import response
from api.http.request import json_body, page_parameters, require_id, require_version, version
from api.schemas import requests
from api.schemas.requests import GroupRequest, GroupUpdate
from recovery.catalog import groups
from recovery.errors import GroupNotFound

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The group; `usedBy` has the ids of the plans that use it."""
    return {**row, "version": row.get("version", 1), "usedBy": sorted(row.get("usedBy") or ())}


def _known(group_id: str) -> str:
    return require_id(group_id, GroupNotFound, "protection group")


@router.post("/protection-groups")
def create_group() -> Response[str]:
    """201 with the group."""
    group = requests.parse(GroupRequest, json_body(router.current_event)).to_group(response.new_id("pg"))
    groups.create_group(group)
    return response.created(f"/protection-groups/{group.group_id}", _shown(group.to_item()))


@router.get("/protection-groups")
def list_groups() -> dict[str, Any]:
    """A page of groups."""
    page = groups.list_groups(*page_parameters(router.current_event))
    return {"protectionGroups": [_shown(row) for row in page.items], "nextToken": page.next_token}


@router.get("/protection-groups/<group_id>")
def read_group(group_id: str) -> Response[str]:
    """The group."""
    return response.resource(_shown(groups.get_group_row(_known(group_id))))


@router.put("/protection-groups/<group_id>")
def update_group(group_id: str) -> Response[str]:
    """200 with the group as it is now; 409 when it was changed since, or a plan names a server it would lose."""
    request = requests.parse(GroupUpdate, json_body(router.current_event))
    version = require_version(router.current_event, request.version)
    return response.resource(_shown(groups.update_group(request.to_group(_known(group_id)), version)))


@router.delete("/protection-groups/<group_id>")
def delete_group(group_id: str) -> Response[str]:
    """204; 409 naming the plans that use it."""
    groups.delete_group(_known(group_id), version(router.current_event))
    return response.no_content()
