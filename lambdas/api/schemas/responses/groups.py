"""Protection groups, as the API shows them."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from api.schemas.responses.base import PageModel, Versioned


class ProtectionGroup(Versioned):
    """A protection group; it has either `sourceServerIds` or `tags`."""

    group_id: str
    name: str
    description: str
    account_id: str
    region: str
    source_server_ids: list[str] = Field(default=[])
    tags: dict[str, str] = Field(default={})
    used_by: list[str] = Field(description="Ids of the plans that use it.")

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of the protection-groups table, whose `usedBy` is a set."""
        return cls.from_item(row, version=row.get("version", 1), used_by=sorted(row.get("usedBy") or ()))


class ProtectionGroups(PageModel):
    """A page of protection groups."""

    protection_groups: list[ProtectionGroup]
