"""What a plan file may contain: the models of the API's requests, with names instead of ids.

These models check shapes and single values. `check` applies the API's other rules as well.
"""

import re
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from api.schemas.requests.accounts import MAX_REGIONS, RoleArn
from api.schemas.requests.base import MAX_SERVERS, AccountId, KnownRegion, Name, OptionalName
from api.schemas.requests.groups import GroupRequest
from api.schemas.requests.plans import MAX_GROUPS_PER_WAVE, MAX_WAVES, GroupUseRequest, PlanRequest, WaveRequest

Hostname = Annotated[str, Field(min_length=1, max_length=256)]
SCHEMA_ID = "plan-file.schema.json"
DEFAULT_SECRET_VARIABLE = "DRS_WAVES_EXTERNAL_ID"  # noqa: S105  # where the secret is, not the secret
# The value of the variable leaves this machine, so a file cannot name any other secret of the environment.
SECRET_VARIABLE_PATTERN = rf"^{DEFAULT_SECRET_VARIABLE}(_[A-Za-z0-9_]+)?$"


def _require_secret_variable(name: str) -> str:
    if not re.fullmatch(SECRET_VARIABLE_PATTERN, name):
        raise ValueError(
            f"must be {DEFAULT_SECRET_VARIABLE} or begin with {DEFAULT_SECRET_VARIABLE}_, because its value is sent "
            "to the API, for the role that the file names"
        )
    return name


SecretVariable = Annotated[
    str, AfterValidator(_require_secret_variable), Field(json_schema_extra={"pattern": SECRET_VARIABLE_PATTERN})
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


class FileAccount(_Part):
    """An account to recover, and the role that drs-waves assumes in it."""

    account_id: AccountId
    name: OptionalName = ""
    role_arn: RoleArn
    regions: list[KnownRegion] = Field(min_length=1, max_length=MAX_REGIONS)
    external_id_variable: SecretVariable = Field(
        default=DEFAULT_SECRET_VARIABLE,
        description="The environment variable with the external id, read when the account is registered. The id is a "
        "secret, so it is not part of the file.",
    )


class FileGroup(GroupRequest):
    """A protection group: source servers by id, by host name, or by tags."""

    # Host names are a third way to select servers, which the schema of the API's request does not allow.
    model_config = ConfigDict(json_schema_extra={})

    source_servers: list[Hostname] = Field(
        default=[], max_length=MAX_SERVERS, description="Host names; each must be that of exactly one server."
    )

    # The API's rule is applied later, when ids have replaced the host names.
    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        return self


_USE_FIELDS: dict[str, Any] = {
    name: (info.annotation, info) for name, info in GroupUseRequest.model_fields.items() if name != "group_id"
}
FileUse = create_model(
    "FileUse",
    __base__=_Part,
    __doc__="A group that a wave recovers, whole or in part.",
    group=(Name, Field(description="The name of a protection group of this file.")),
    source_servers=(list[Hostname] | None, Field(default=None, min_length=1, description="Only these host names.")),
    **_USE_FIELDS,
)


def _expand_name(use: Any) -> Any:
    return {"group": use} if isinstance(use, str) else use


_Use: Any = Annotated[FileUse, BeforeValidator(_expand_name, json_schema_input_type=Name | FileUse)]


class FileWave(WaveRequest):
    """A wave. Without `dependsOn` it waits for the wave before it; with `[]` it waits for none."""

    groups: list[_Use] = Field(
        min_length=1, max_length=MAX_GROUPS_PER_WAVE, description="Groups by name, whole or in part."
    )


class FilePlan(PlanRequest):
    """The recovery plan. `apply` finds it by its name."""

    waves: list[FileWave] = Field(min_length=1, max_length=MAX_WAVES)  # type: ignore[assignment]

    @field_validator("waves")
    @classmethod
    def _bounded(cls, waves: Any) -> Any:
        return waves


class PlanFile(_Part):
    """A recovery plan with the groups and accounts it needs, for `drs-waves plan`."""

    target_accounts: list[FileAccount] = Field(default=[], description="Registered if they are not registered yet.")
    protection_groups: list[FileGroup] = Field(min_length=1, description="`apply` finds them by their names.")
    recovery_plan: FilePlan
    sandbox: dict[str, Any] | None = Field(default=None, description="What the sandbox emulates; ignored elsewhere.")


def build_json_schema() -> dict[str, Any]:
    """The JSON Schema of a plan file, for editors."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return {**head, **PlanFile.model_json_schema(mode="validation"), "title": "drs-waves plan file"}
