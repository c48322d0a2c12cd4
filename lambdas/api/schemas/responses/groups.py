"""Protection groups, as the API shows them."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field

from api.schemas.responses.base import Authored, Paged, build_from_row


class ProtectionGroup(Authored):
    """A protection group; it has either `sourceServerIds` or `tags`."""

    groupId: str
    name: str
    description: str
    accountId: str
    region: str
    sourceServerIds: NotRequired[list[str]]
    tags: NotRequired[dict[str, str]]
    usedBy: Annotated[list[str], Field(description="Ids of the plans that use it.")]


class ProtectionGroups(Paged):
    """A page of protection groups."""

    protectionGroups: list[ProtectionGroup]


def build_group(row: Mapping[str, Any]) -> ProtectionGroup:
    """A group from its row, whose `usedBy` is a set."""
    return build_from_row(ProtectionGroup, row, version=row.get("version", 1), usedBy=sorted(row.get("usedBy") or ()))
