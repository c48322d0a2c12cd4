"""Protection groups."""

from dataclasses import replace

from api.http.parameters import IF_MATCH, PAGE, page_parameters, read_version, require_version
from api.http.request import name_caller, require_id
from api.http.response import new_id
from api.router import Router
from api.schemas.requests.groups import GroupRequest, GroupUpdate
from api.schemas.responses.groups import ProtectionGroup, ProtectionGroups, build_group
from recovery import clock
from recovery.catalog import groups
from recovery.catalog.history import Author
from recovery.domain.plan import ProtectionGroup as StoredGroup
from recovery.errors import GroupInUse, GroupNotFound, VersionConflict

router = Router("Protection groups")


def _require_id(group_id: str) -> str:
    return require_id(group_id, GroupNotFound, "protection group")


@router.operation("POST", "/protection-groups", status=201, location="/protection-groups/{groupId}")
def create_group(body: GroupRequest) -> ProtectionGroup:
    """Creates a protection group."""
    group = _sign(body.to_group(new_id("pg")))
    groups.create_group(group)
    return build_group(group.to_item())


def _sign(group: StoredGroup) -> StoredGroup:
    """The group with who changes it, and when."""
    return replace(group, updated_by=name_caller(router.current_event), updated_at=clock.iso())


@router.operation("GET", "/protection-groups", parameters=PAGE)
def list_groups() -> ProtectionGroups:
    """Lists the protection groups, page by page."""
    page = groups.list_groups(*page_parameters(router.current_event))
    return {"protectionGroups": [build_group(row) for row in page.items], "nextToken": page.next_token}


@router.operation("GET", "/protection-groups/{groupId}", errors=(GroupNotFound,))
def read_group(group_id: str) -> ProtectionGroup:
    """Returns a protection group."""
    return build_group(groups.get_group_row(_require_id(group_id)))


@router.operation(
    "PUT",
    "/protection-groups/{groupId}",
    parameters=(IF_MATCH,),
    errors=(GroupInUse, GroupNotFound, VersionConflict),
)
def update_group(group_id: str, body: GroupUpdate) -> ProtectionGroup:
    """Replaces a protection group and returns it.

    Answers 409 if it has changed since it was read, if a plan names a server that the group would lose, or if plans use
    it and its account or Region would change without `changeTarget`.
    """
    given = require_version(router.current_event, body.version)
    group = _sign(body.to_group(_require_id(group_id)))
    return build_group(groups.update_group(group, given, may_change_target=body.change_target))


@router.operation(
    "DELETE",
    "/protection-groups/{groupId}",
    parameters=(IF_MATCH,),
    errors=(GroupInUse, GroupNotFound, VersionConflict),
)
def delete_group(group_id: str) -> None:
    """Deletes a protection group. Answers 409, naming the plans, while recovery plans use it."""
    author = Author(name_caller(router.current_event), clock.iso())
    groups.delete_group(_require_id(group_id), author, read_version(router.current_event))
