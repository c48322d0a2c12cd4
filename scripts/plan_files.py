"""What a plan file may say: the API's own rules, with names in the place of ids."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from api.schemas import requests
from api.schemas.requests import (
    MAX_REGIONS,
    AccountId,
    GroupRequest,
    GroupUseRequest,
    Name,
    OptionalName,
    PlanRequest,
    Region,
    RoleArn,
    WaveRequest,
)
from recovery.errors import InvalidRequest
from sandbox import plan_files
from sandbox.plan_files import Document, Location, PlanFileError, Problem

Hostname = Annotated[str, Field(min_length=1, max_length=256)]
SCHEMA_ID = "plan-file.schema.json"
DEFAULT_SECRET_VARIABLE = "DRS_WAVES_EXTERNAL_ID"  # noqa: S105  # where the secret is, not the secret


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


class FileAccount(_Part):
    """An account that is to be recovered, and the role by which it is reached."""

    account_id: AccountId
    name: OptionalName = ""
    role_arn: RoleArn
    regions: list[Region] = Field(min_length=1, max_length=MAX_REGIONS)
    external_id_variable: str = Field(
        default=DEFAULT_SECRET_VARIABLE,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="The environment variable that has the external id when the account is registered. It is a "
        "secret, so it does not stand in a file.",
    )


class FileGroup(GroupRequest):
    """A protection group: source servers by id, by host name, or by tags."""

    # Host names are a third way to choose, which the schema of the API's body does not know.
    model_config = ConfigDict(json_schema_extra={})

    source_servers: list[Hostname] = Field(default=[], max_length=4_000, description="Host names, each of one server.")

    # What the file may choose from is checked with the ids in place, by the API's own rule.
    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        return self


_USE_FIELDS: dict[str, Any] = {
    name: (info.annotation, info) for name, info in GroupUseRequest.model_fields.items() if name != "group_id"
}
FileUse = create_model(
    "FileUse",
    __base__=_Part,
    __doc__="A group as a wave uses it: whole, or some of its servers.",
    group=(Name, Field(description="The name of a protection group of this file.")),
    source_servers=(list[Hostname] | None, Field(default=None, min_length=1, description="Only these host names.")),
    **_USE_FIELDS,
)


def _spelt_out(use: Any) -> Any:
    return {"group": use} if isinstance(use, str) else use


_Use: Any = Annotated[FileUse, BeforeValidator(_spelt_out, json_schema_input_type=Name | FileUse)]


class FileWave(WaveRequest):
    """A wave; without `dependsOn` it waits for the one before it, with `[]` for none."""

    groups: list[_Use] = Field(min_length=1, max_length=50, description="Groups by name, whole or in part.")


class FilePlan(PlanRequest):
    """The recovery plan. It is known by its name."""

    waves: list[FileWave] = Field(min_length=1, max_length=40)  # type: ignore[assignment]

    @field_validator("waves")
    @classmethod
    def _bounded(cls, waves: Any) -> Any:
        return waves


class PlanFile(_Part):
    """A recovery plan with everything it needs, for `scripts/plan.py`."""

    target_accounts: list[FileAccount] = Field(default=[], description="Registered if they are not yet.")
    protection_groups: list[FileGroup] = Field(min_length=1, description="Known by their names.")
    recovery_plan: FilePlan
    sandbox: dict[str, Any] | None = Field(
        default=None, description="What the sandbox plays; of no meaning anywhere else."
    )


def schema() -> dict[str, Any]:
    """The JSON Schema of a plan file, for editors."""
    made = PlanFile.model_json_schema(mode="validation")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return {**head, **made, "title": "drs-waves plan file"}


def read(path: Path) -> Document:
    """The file, checked as far as can be without asking anybody. Raise PlanFileError naming line and field."""
    document = plan_files.read(path)
    try:
        PlanFile.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise PlanFileError(path, [_problem(document, each) for each in found]) from error
    if problems := [*_names(document), *_rules(document)]:
        raise PlanFileError(path, problems)
    return document


def _problem(document: Document, error: Mapping[str, Any]) -> Problem:
    message = str(error["msg"])
    if error["type"] == "string_type" and isinstance(error["input"], int | float):
        message += "; put it in quotes"
    return document.problem(error["loc"], message)


def _names(document: Document) -> list[Problem]:
    """Names that are there twice, or that nothing has."""
    problems = []
    parts = (("targetAccounts", "accountId"), ("protectionGroups", "name"))
    seen: dict[str, set[str]] = {part: set() for part, _ in parts}
    for part, key in parts:
        for at, each in enumerate(document.data.get(part, ())):
            if each[key] in seen[part]:
                problems.append(document.problem((part, at, key), f"{each[key]!r} is there twice"))
            seen[part].add(each[key])
    for at, wave in enumerate(document.data["recoveryPlan"]["waves"]):
        for number, use in enumerate(wave["groups"]):
            name = use if isinstance(use, str) else use["group"]
            if name not in seen["protectionGroups"]:
                location = ("recoveryPlan", "waves", at, "groups", number)
                problems.append(document.problem(location, f"the file has no protection group {name!r}"))
    return problems


def _rules(document: Document) -> list[Problem]:
    """What the API would say of each group and of the plan, were the names ids."""
    data, problems = document.data, list[Problem]()
    groups = {group["name"]: group for group in data["protectionGroups"]}
    for at, group in enumerate(data["protectionGroups"]):
        problems += _told(document, ("protectionGroups", at), lambda group=group: desired_group(group, stand_in()))
    if problems or _names(document):
        return problems
    for at, account in enumerate(data.get("targetAccounts", ())):
        if f"::{account['accountId']}:" not in account["roleArn"]:
            message = f"must be a role of account {account['accountId']}"
            problems.append(document.problem(("targetAccounts", at, "roleArn"), message))
    return problems + _told(document, ("recoveryPlan",), lambda: desired_plan(data["recoveryPlan"], groups, stand_in()))


def _told(document: Document, where: Location, check: Any) -> list[Problem]:
    try:
        check()
    except InvalidRequest as error:
        return [document.problem((*where, *_location(each["field"])), each["message"]) for each in error.problems]
    return []


def _location(text: str) -> Location:
    """The inverse of `field`: `("waves", 1, "name")` of `waves[1].name`."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", "" if text == "body" else text)
    return tuple(int(number) if number else name for number, name in parts)


def stand_in() -> plan_files.ServerId:
    """An id for each host name, none of them real."""
    ids: dict[tuple[str, str, str], str] = {}

    def server_id(account_id: str, region: str, hostname: str) -> str:
        return ids.setdefault((account_id, region, hostname), f"s-{len(ids):017}")

    return server_id


def desired_group(group: Mapping[str, Any], server_id: plan_files.ServerId) -> dict[str, Any]:
    """The group as the API would show it, without what only a stored one has; servers in order of their ids.

    Raise InvalidRequest as the API does.
    """
    return shown_group(requests.parse(GroupRequest, plan_files.group_body(group, server_id)).to_group("").to_item())


def shown_group(item: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a group that the API showed."""
    kept = {name: value for name, value in item.items() if name not in ("groupId", "version", "usedBy")}
    if "sourceServerIds" in kept:
        kept["sourceServerIds"] = sorted(kept["sourceServerIds"])
    return kept


def desired_plan(
    plan: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]], server_id: plan_files.ServerId
) -> dict[str, Any]:
    """The plan as the API would show it, with the names of groups for their ids. Raise InvalidRequest as the API."""
    ids = {name: f"pg-{at}" for at, name in enumerate(groups)}
    request = requests.parse(PlanRequest, plan_files.plan_body(plan, groups, ids, server_id))
    return shown_plan(request.to_plan("").to_item(), {group_id: name for name, group_id in ids.items()})


def shown_plan(item: Mapping[str, Any], group_names: Mapping[str, str]) -> dict[str, Any]:
    """The same of a plan that the API showed, each wave under its name."""
    kept = {name: value for name, value in item.items() if name not in ("planId", "version", "activeExecutionId")}
    waves = [{**wave, "groups": [_shown_use(use, group_names) for use in wave["groups"]]} for wave in item["waves"]]
    return {**kept, "waves": waves}


def _shown_use(use: Mapping[str, Any], group_names: Mapping[str, str]) -> dict[str, Any]:
    rest = {name: value for name, value in use.items() if name != "groupId"}
    if "sourceServerIds" in rest:
        rest["sourceServerIds"] = sorted(rest["sourceServerIds"])
    return {"group": group_names.get(use["groupId"], use["groupId"]), **rest}


def exported(
    plan: Mapping[str, Any], groups: list[Mapping[str, Any]], accounts: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """The file that says what these resources of the API are. Only what a file may say is kept."""
    names = {group["groupId"]: group["name"] for group in groups}
    shown = shown_plan(plan, names)
    waves = [
        {**_fields(FileWave, wave), "groups": [_use(_fields(FileUse, use)) for use in wave["groups"]]}
        for wave in shown["waves"]
    ]
    file = {
        "targetAccounts": [_fields(FileAccount, account) for account in accounts],
        "protectionGroups": [_fields(FileGroup, group) for group in groups],
        "recoveryPlan": {**_fields(FilePlan, shown), "waves": waves},
    }
    return {name: part for name, part in file.items() if part}


def _fields(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    known = [info.alias or name for name, info in model.model_fields.items()]
    return {name: values[name] for name in known if values.get(name) is not None}


def _use(use: Mapping[str, Any]) -> Any:
    return use["group"] if use.keys() == {"group"} else use
