"""Puts an example file into a running sandbox: its source servers, its accounts, its groups and its plan."""

import json
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.stack import EXTERNAL_ID, Sandbox, SandboxError


@dataclass(frozen=True, slots=True)
class World:
    """What was loaded: ids by the names the file uses, and how many source servers there are."""

    plan_id: str
    group_ids: Mapping[str, str]
    servers: int


def load(sandbox: Sandbox, path: Path) -> World:
    """Raise SandboxError naming what the file or the API does not accept."""
    example = yaml.safe_load(path.read_text())
    register_accounts(sandbox)
    server_ids = seed_source_servers(sandbox, example["sandbox"]["sourceServers"])
    group_ids = {group["name"]: _create_group(sandbox, group, server_ids) for group in example["protectionGroups"]}
    plan = example["recoveryPlan"]
    waves = [
        {**wave, "groups": [{"groupId": _known(group_ids, name, "protection group")} for name in wave["groups"]]}
        for wave in plan["waves"]
    ]
    created = _post(sandbox, "/recovery-plans", {**plan, "waves": waves})
    return World(created["planId"], group_ids, len(server_ids))


def register_accounts(sandbox: Sandbox) -> None:
    """Tell drs-waves of each account by which role and external id it is reached."""
    table = sandbox.outputs["TargetAccountsTable"]
    for account_id, role_arn in sandbox.target_roles.items():
        item = {"accountId": account_id, "roleArn": role_arn, "externalId": EXTERNAL_ID}
        sandbox.client("dynamodb").put_item(TableName=table, Item={name: {"S": value} for name, value in item.items()})


def seed_source_servers(sandbox: Sandbox, rows: list[Mapping[str, Any]]) -> dict[str, str]:
    """Make the rows' servers in the DRS emulator; return each one's id by host name."""
    by_target: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        for number in range(1, row["count"] + 1):
            hostname = row["hostname"].format(n=number)
            by_target[row["accountId"], row["region"]].append(
                {
                    "hostname": hostname,
                    "os": row["os"],
                    "cpus": row["cpus"],
                    "ramGiB": row["ramGiB"],
                    "disks": [{"gib": size} for size in row["disksGiB"]],
                    "tags": {"Name": hostname, **row["tags"]},
                }
            )
    ids: dict[str, str] = {}
    for (account_id, region), servers in by_target.items():
        body = {"accountId": account_id, "region": region, "servers": servers}
        answer = control(sandbox, "POST", "/source-servers", body)
        ids |= dict(zip((server["hostname"] for server in servers), answer["sourceServerIDs"], strict=True))
    return ids


def control(sandbox: Sandbox, method: str, path: str, body: Any = None) -> Any:
    """Call the emulator's control API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{sandbox.drs_url}/_emulator{path}", data, method=method)  # noqa: S310
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise SandboxError(f"the DRS emulator refused {method} {path}: {error.read().decode()}") from error


def _create_group(sandbox: Sandbox, group: Mapping[str, Any], server_ids: Mapping[str, str]) -> str:
    body = {name: value for name, value in group.items() if name != "sourceServers"}
    if "sourceServers" in group:
        body["sourceServerIds"] = [_known(server_ids, name, "source server") for name in group["sourceServers"]]
    return str(_post(sandbox, "/protection-groups", body)["groupId"])


def _post(sandbox: Sandbox, path: str, body: Any) -> dict[str, Any]:
    reply = sandbox.request("POST", path, body)
    if reply.status != 201:
        raise SandboxError(f"POST {path} answered {reply.status}: {reply.body}")
    answer: dict[str, Any] = reply.body
    return answer


def _known(ids: Mapping[str, str], name: str, what: str) -> str:
    if name not in ids:
        raise SandboxError(f"the file names {what} {name!r}, which it does not define")
    return ids[name]
