"""Protection groups, as callers send them."""

from typing import Any, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator

from api.schemas.requests.base import (
    MAX_SERVERS,
    AccountId,
    Description,
    KnownRegion,
    Name,
    RequestModel,
    ServerId,
    TagKey,
    TagValue,
    Version,
)
from recovery.domain.plan import ProtectionGroup
from recovery.domain.target import Target

# JSON Schema for: exactly one of the two fields is present and not empty. Written with `oneOf`, generators of clients
# would make two models of the group, both without fields.
_ONE_SELECTION: dict[str, Any] = {
    "if": {"required": ["tags"], "properties": {"tags": {"minProperties": 1}}},
    "then": {"properties": {"sourceServerIds": {"maxItems": 0}}},
    "else": {"required": ["sourceServerIds"], "properties": {"sourceServerIds": {"minItems": 1}}},
}


class GroupRequest(RequestModel):
    """Body of POST /protection-groups."""

    model_config = ConfigDict(json_schema_extra=_ONE_SELECTION)

    name: Name
    description: Description = ""
    account_id: AccountId
    region: KnownRegion
    source_server_ids: list[ServerId] = Field(
        default=[], max_length=MAX_SERVERS, json_schema_extra={"uniqueItems": True}
    )
    tags: dict[TagKey, TagValue] = Field(default={}, max_length=50)

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if bool(self.source_server_ids) == bool(self.tags):
            raise ValueError("give either sourceServerIds or tags, and not an empty one")
        if len(set(self.source_server_ids)) != len(self.source_server_ids):
            raise ValueError("sourceServerIds names a server twice")
        return self

    def to_group(self, group_id: str) -> ProtectionGroup:
        """The group to store."""
        return ProtectionGroup(
            group_id=group_id,
            name=self.name,
            target=Target(self.account_id, self.region),
            server_ids=tuple(self.source_server_ids),
            tags=self.tags,
            description=self.description,
        )


class GroupUpdate(GroupRequest):
    """Body of PUT /protection-groups/{groupId}: the whole group."""

    version: Version | None = None
    change_target: StrictBool = Field(
        default=False,
        description="Agrees to another account or Region for the recovery plans that use the group.",
    )
