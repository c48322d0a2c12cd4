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
    StrictInt,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema

from api.schemas.requests.accounts import MAX_REGIONS, RoleArn
from api.schemas.requests.base import MAX_SERVERS, AccountId, KnownRegion, Name, OptionalName, TagKey, TagValue
from api.schemas.requests.forms import Form, suggest_gib, suggest_number
from api.schemas.requests.groups import GroupRequest
from api.schemas.requests.launch_profiles import LaunchProfilesRequest, ServerProfilesRequest
from api.schemas.requests.plans import MAX_GROUPS_PER_WAVE, MAX_WAVES, GroupUseRequest, PlanRequest, WaveRequest

Hostname = Annotated[str, Field(min_length=1, max_length=256), Form("a host name", "payroll-db-1")]
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


class ExampleName(str):
    """An example of a group's name. Messages show a name of the file in its place."""

    __slots__ = ()


_A_GROUP = ExampleName("payroll-db")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


class FileAccount(_Part):
    """An account to recover, and the role that drs-waves assumes in it."""

    account_id: AccountId = Field(description="The account, in quotes: it is text and no number.")
    name: OptionalName = Field(default="", description="For people.")
    role_arn: RoleArn = Field(description="The role that drs-waves assumes in the account.")
    regions: list[KnownRegion] = Field(
        min_length=1, max_length=MAX_REGIONS, description="The Regions into which DRS recovers servers of the account."
    )
    external_id_variable: SecretVariable = Field(
        default=DEFAULT_SECRET_VARIABLE,
        description="The environment variable with the external id, read when the account is registered. The id is a "
        "secret, so it is not part of the file.",
    )


class FileLaunchProfiles(LaunchProfilesRequest):
    """How the servers of a group are launched instead of as their own launch settings say."""

    servers: dict[Hostname, ServerProfilesRequest] = Field(
        default={}, max_length=MAX_SERVERS, description="What differs for some servers, by host names or ids."
    )


class FileGroup(GroupRequest):
    """A protection group: source servers by id, by host name, or by tags."""

    # Host names are a third way to select servers, which the schema of the API's request does not allow.
    model_config = ConfigDict(json_schema_extra={})

    source_servers: list[Hostname] = Field(
        default=[], max_length=MAX_SERVERS, description="Host names; each must be that of exactly one server."
    )

    launch_profiles: FileLaunchProfiles | None = Field(
        default=None, description="Where and how the servers are launched, instead of as their launch settings say."
    )

    # The API's rules are applied later, when ids have replaced the host names.
    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        return self

    @model_validator(mode="after")
    def _profiles_of_own_servers(self) -> Self:
        return self


_USE_FIELDS: dict[str, Any] = {
    name: (info.annotation, info) for name, info in GroupUseRequest.model_fields.items() if name != "group_id"
}
_GroupName: Any = Annotated[Name, Form("a name", _A_GROUP)]
FileUse = create_model(
    "FileUse",
    __base__=_Part,
    __doc__="A group that a wave recovers, whole or in part.",
    group=(_GroupName, Field(description="The name of a protection group of this file.")),
    source_servers=(
        list[Hostname] | None,
        Field(default=None, min_length=1, description="Only these servers of the group, by host name."),
    ),
    **_USE_FIELDS,
)


def _expand_name(use: Any) -> Any:
    return {"group": use} if isinstance(use, str) else use


_Use: Any = Annotated[
    FileUse,
    BeforeValidator(_expand_name, json_schema_input_type=Name | FileUse),
    Form("the name of a protection group, or a mapping", _A_GROUP),
]


class FileWave(WaveRequest):
    """A wave. Without `dependsOn` it waits for the wave before it; with `[]` it waits for none."""

    groups: list[_Use] = Field(
        min_length=1, max_length=MAX_GROUPS_PER_WAVE, description="Groups by name, whole or in part."
    )


class FilePlan(PlanRequest):
    """The recovery plan. `apply` finds it by its name."""

    waves: list[FileWave] = Field(  # type: ignore[assignment]
        min_length=1, max_length=MAX_WAVES, description="The waves, in order unless `dependsOn` says otherwise."
    )

    @field_validator("waves")
    @classmethod
    def _bounded(cls, waves: Any) -> Any:
        return waves


def _require_hostname_pattern(text: str) -> str:
    try:
        text.format(n=1)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        raise ValueError("may have braces only for the number of a server, such as db-{n:02}") from None
    return text


_DiskGib = Annotated[StrictInt, Field(ge=1, le=65_536), Form("GiB as a whole number", 100, suggest_gib)]


class SandboxServers(_Part):
    """A row of like source servers."""

    account_id: AccountId = Field(description="The account of the servers.")
    region: KnownRegion = Field(description="The Region into which DRS recovers them.")
    hostname: Annotated[Hostname, AfterValidator(_require_hostname_pattern), Form("a host name", "db-{n:02}")] = Field(
        description="Their host names: {n} is the number of the server in the row, from 1; {n:02} has two digits."
    )
    count: Annotated[StrictInt, Form("a whole number", 2, suggest_number)] = Field(
        ge=1, le=MAX_SERVERS, description="How many servers the row has."
    )
    os: Annotated[str, Form("text", "Ubuntu 24.04")] = Field(min_length=1, description="Their operating system.")
    cpus: Annotated[StrictInt, Form("a whole number", 4, suggest_number)] = Field(
        ge=1, le=1_024, description="Their processors."
    )
    ram_gib: Annotated[float, Form("GiB as a number", 16, suggest_gib)] = Field(
        alias="ramGiB", strict=True, gt=0, le=32_768, description="Their memory."
    )
    disks_gib: list[Annotated[StrictInt, Field(ge=1, le=65_536), Form("GiB as a whole number", 100, suggest_gib)]] = (
        Field(alias="disksGiB", min_length=1, max_length=60, description="Their disks, each with its size.")
    )
    tags: Annotated[dict[TagKey, TagValue], Form("a mapping", {"app": "payroll"})] = Field(
        max_length=50, description="Their tags; Name is the host name."
    )
    post_launch_actions: list[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9/:-]{1,256}$"), Form("text", "AWS-RunShellScript")]
    ] = Field(
        default=[],
        max_length=20,
        description="Documents of Systems Manager that DRS runs on them after each launch, in this order. DRS calls a "
        "server launched even if one fails.",
    )


class FileSandbox(_Part):
    """What the sandbox emulates."""

    source_servers: list[SandboxServers] = Field(min_length=1, description="The source servers, in rows of like ones.")


class PlanFile(_Part):
    """A recovery plan with the groups and accounts it needs, for `drs-waves plan`."""

    target_accounts: list[FileAccount] = Field(default=[], description="Registered if they are not registered yet.")
    protection_groups: list[FileGroup] = Field(min_length=1, description="`apply` finds them by their names.")
    recovery_plan: FilePlan = Field(description="`apply` finds it by its name.")
    sandbox: FileSandbox | None = Field(default=None, description="What the sandbox emulates; ignored elsewhere.")


class _WithoutFieldTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        """No: it would only repeat the name of the field."""
        return False


def build_json_schema() -> dict[str, Any]:
    """The JSON Schema of a plan file, for editors. Titles of parts would be names of our classes, so they have none."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    made = PlanFile.model_json_schema(mode="validation", schema_generator=_WithoutFieldTitles)
    for part in made["$defs"].values():
        part.pop("title", None)
    return {**head, **made, "title": "drs-waves plan file"}
