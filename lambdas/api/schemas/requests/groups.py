"""Protection groups, as callers send them."""

from typing import Annotated, Any, ClassVar, Self

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
from api.schemas.requests.forms import Form
from api.schemas.requests.launch_profiles import LaunchProfilesRequest
from recovery.domain.launch_profiles.profiles import GroupProfiles
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

    # What an example of a group has besides the fields that every group needs.
    EXAMPLE_HAS: ClassVar = ("tags",)

    name: Annotated[Name, Form("a name", "payroll-db")] = Field(description="The name of the group.")
    description: Description = Field(default="", description="For people.")
    account_id: AccountId = Field(description="The account of the source servers.")
    region: KnownRegion = Field(description="The Region into which DRS recovers them.")
    source_server_ids: list[ServerId] = Field(
        default=[],
        max_length=MAX_SERVERS,
        json_schema_extra={"uniqueItems": True},
        description="The servers of the group. A group has these or `tags`.",
    )
    tags: Annotated[dict[TagKey, TagValue], Form("a mapping", {"app": "payroll"})] = Field(
        default={}, max_length=50, description="The group has every server with all of these tags."
    )
    launch_profiles: LaunchProfilesRequest | None = Field(
        default=None, description="Where and how the servers are launched, instead of as their launch settings say."
    )

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if not self.source_server_ids and not self.tags:
            raise ValueError(
                'selects no servers: give sourceServerIds, such as ["s-1111111111111111a"], or tags, such as '
                '{"app": "payroll"}'
            )
        if self.source_server_ids and self.tags:
            raise ValueError("has both sourceServerIds and tags: give one of them")
        if len(set(self.source_server_ids)) != len(self.source_server_ids):
            raise ValueError("sourceServerIds names a server twice")
        return self

    @model_validator(mode="after")
    def _profiles_of_own_servers(self) -> Self:
        profiles = self.launch_profiles
        if profiles is None:
            return self
        if zone := profiles.find_foreign_zone(self.region):
            raise ValueError(f"launchProfiles names a subnet of zone {zone}, which is not in {self.region}")
        outside = sorted(profiles.servers.keys() - set(self.source_server_ids)) if self.source_server_ids else []
        if outside:
            raise ValueError(f"launchProfiles.servers names {outside[0]}, which is not in sourceServerIds")
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
            profiles=self.launch_profiles.to_profiles() if self.launch_profiles else GroupProfiles(),
        )


class GroupUpdate(GroupRequest):
    """Body of PUT /protection-groups/{groupId}: the whole group."""

    version: Version | None = None
    change_target: StrictBool = Field(
        default=False,
        description="Agrees to another account or Region for the recovery plans that use the group.",
    )
