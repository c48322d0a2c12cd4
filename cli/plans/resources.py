"""Convert groups and plans between a plan file, the API's requests and the API's answers.

"Comparable" is the form in which the file and the API are compared: as the API returns it, without ids and versions,
and with the names of groups.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from api.schemas.requests.base import parse
from api.schemas.requests.groups import GroupRequest
from api.schemas.requests.plans import PlanRequest
from cli.plans.file_schema import FileAccount, FileGroup, FilePlan, FileUse, FileWave
from cli.plans.profiles import with_server_ids

# The id of the source server with a host name: (account, Region, host name). It raises if there is not exactly one.
ServerId = Callable[[str, str, str], str]


# --- the file as requests ---------------------------------------------------------------------------------------
def group_body(group: Mapping[str, Any], server_id: ServerId) -> dict[str, Any]:
    """The body of POST /protection-groups for a group of the file."""
    account_id, region = str(group.get("accountId")), str(group.get("region"))
    body = _with_server_ids(group, account_id, region, server_id)
    if isinstance(profiles := body.get("launchProfiles"), Mapping):
        body["launchProfiles"] = with_server_ids(profiles, lambda name: server_id(account_id, region, name))
    return body


def plan_body(
    plan: Mapping[str, Any],
    groups: Mapping[str, Mapping[str, Any]],
    group_ids: Mapping[str, str],
    server_id: ServerId,
) -> dict[str, Any]:
    """The body of POST /recovery-plans for the file's plan. `groups` and `group_ids` are by name."""

    def use_body(use: Any) -> dict[str, Any]:
        fields = {"group": use} if isinstance(use, str) else dict(use)
        name = fields.pop("group")
        group = groups[name]
        servers = _with_server_ids(fields, group["accountId"], group["region"], server_id)
        return {"groupId": group_ids[name], **servers}

    waves = [{**wave, "groups": [use_body(use) for use in wave["groups"]]} for wave in plan["waves"]]
    return {**plan, "waves": waves}


def _with_server_ids(part: Mapping[str, Any], account_id: str, region: str, server_id: ServerId) -> dict[str, Any]:
    body = {name: value for name, value in part.items() if name != "sourceServers"}
    if "sourceServers" in part:
        ids = [server_id(account_id, region, hostname) for hostname in part["sourceServers"]]
        body["sourceServerIds"] = [*body.get("sourceServerIds", ()), *ids]
    return body


# --- comparable -------------------------------------------------------------------------------------------------
def wanted_group(group: Mapping[str, Any], server_id: ServerId) -> dict[str, Any]:
    """A group of the file, comparable. Raise the API's InvalidRequest if the API would refuse it."""
    return current_group(parse(GroupRequest, group_body(group, server_id)).to_group("").to_item())


# What a resource has besides what a plan file says.
_OF_THE_API = frozenset(
    {"groupId", "planId", "version", "usedBy", "activeExecutionId", "lastReadiness", "updatedBy", "updatedAt"}
)


def current_group(item: Mapping[str, Any]) -> dict[str, Any]:
    """A group that the API returned, comparable."""
    fields = {name: value for name, value in item.items() if name not in _OF_THE_API}
    return _with_sorted_servers(fields)


def wanted_plan(
    plan: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]], server_id: ServerId
) -> dict[str, Any]:
    """The file's plan, comparable. Raise the API's InvalidRequest if the API would refuse it."""
    ids = {name: f"pg-{at}" for at, name in enumerate(groups)}
    request = parse(PlanRequest, plan_body(plan, groups, ids, server_id))
    return current_plan(request.to_plan("").to_item(), {group_id: name for name, group_id in ids.items()})


def current_plan(item: Mapping[str, Any], group_names: Mapping[str, str]) -> dict[str, Any]:
    """A plan that the API returned, comparable. `group_names` are by id."""
    fields = {name: value for name, value in item.items() if name not in _OF_THE_API}
    waves = [{**wave, "groups": [_current_use(use, group_names) for use in wave["groups"]]} for wave in item["waves"]]
    if policy := fields.get("drillPolicy"):  # the API notes since when it is in force
        fields["drillPolicy"] = {name: value for name, value in policy.items() if name not in ("since", "owed")}
    return {**fields, "waves": waves}


def _current_use(use: Mapping[str, Any], group_names: Mapping[str, str]) -> dict[str, Any]:
    fields = {name: value for name, value in use.items() if name != "groupId"}
    return {"group": group_names.get(use["groupId"], use["groupId"]), **_with_sorted_servers(fields)}


def _with_sorted_servers(fields: dict[str, Any]) -> dict[str, Any]:
    if "sourceServerIds" in fields:
        fields["sourceServerIds"] = sorted(fields["sourceServerIds"])
    return fields


# --- the API as a file ------------------------------------------------------------------------------------------
def export_file(
    plan: Mapping[str, Any], groups: list[Mapping[str, Any]], accounts: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """The file that describes these resources of the API, with only the fields that a file may contain."""
    comparable = current_plan(plan, {group["groupId"]: group["name"] for group in groups})
    waves = [
        {
            **_known_fields(FileWave, wave),
            "groups": [_shorten_use(_known_fields(FileUse, use)) for use in wave["groups"]],
        }
        for wave in comparable["waves"]
    ]
    file = {
        "targetAccounts": [_known_fields(FileAccount, account) for account in accounts],
        "protectionGroups": [_known_fields(FileGroup, group) for group in groups],
        "recoveryPlan": {**_known_fields(FilePlan, comparable), "waves": waves},
    }
    return {name: part for name, part in file.items() if part}


def _known_fields(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    names = [info.alias or name for name, info in model.model_fields.items()]
    return {name: values[name] for name in names if values.get(name) is not None}


def _shorten_use(use: Mapping[str, Any]) -> Any:
    return use["group"] if use.keys() == {"group"} else use
