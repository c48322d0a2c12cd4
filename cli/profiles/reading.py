"""Reads launch settings: those that runs have changed, and those that launch profiles would change."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable
from cli.listings.columns import Item
from cli.refusal import ApiRefused

# The API reads at most this many servers in one request.
MAX_SERVERS_ASKED = 10

Place = tuple[str, str]
"""An account id and a Region."""


def list_places(api: ApiClient) -> list[Place]:
    """Each account and Region that an account or a group names."""
    places = {
        (account["accountId"], region)
        for account in api.list_items("/target-accounts", "targetAccounts")
        for region in account["regions"]
    }
    places |= {
        (group["accountId"], group["region"]) for group in api.list_items("/protection-groups", "protectionGroups")
    }
    return sorted(places)


def list_changed_settings(api: ApiClient, places: Iterable[Place]) -> Iterator[Item]:
    """The settings that runs have changed in these places and not put back yet."""
    for account_id, region in places:
        query = {"accountId": account_id, "region": region}
        yield from api.list_items("/launch-settings", "launchSettings", limit="200", **query)


def list_groups(api: ApiClient, plan: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Each group of the plan, once, with the servers that the plan limits it to; none if it uses all of them."""
    named: dict[str, list[list[str]]] = {}
    for wave in plan["waves"]:
        for use in wave["groups"]:
            named.setdefault(use["groupId"], []).append(list(use.get("sourceServerIds") or ()))
    for group_id, uses in named.items():
        servers = [] if any(not each for each in uses) else sorted({server for each in uses for server in each})
        yield api.get(f"/protection-groups/{group_id}"), servers


def preview_group(
    api: ApiClient, group: Mapping[str, Any], mode: str, server_ids: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """The settings of the group's servers now and after its launch profile; of all of them, or of these."""
    path = f"/protection-groups/{group['groupId']}/launch-settings"
    place = {"accountId": group["accountId"], "region": group["region"]}
    ids, token = sorted(server_ids), None
    while True:
        query = {"mode": mode}
        if server_ids:
            query["sourceServerIds"] = ",".join(ids[:MAX_SERVERS_ASKED])
            ids = ids[MAX_SERVERS_ASKED:]
        elif token:
            query["nextToken"] = token
        page = api.get(path, **query)
        for server in page["launchSettings"]:
            yield {**server, "group": group["name"], **place, "isolation": page["isolation"]}
        token = page["nextToken"]
        if not (ids if server_ids else token):
            return


def read_applied(api: ApiClient, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The servers of the run that have a launch profile; none if the API does not answer, or is too old to know."""
    if record["mode"] == "READINESS":
        return []
    path = f"/executions/{record['executionId']}/launch-settings"
    try:
        return list(api.list_items(path, "launchSettings", limit="1000"))
    except (ApiRefused, ApiUnreachable):
        return []
