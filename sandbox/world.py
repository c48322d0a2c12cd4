"""Puts an example file into a running sandbox: its source servers, its accounts, its groups and its plan."""

import json
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import plan_files
from sandbox.plan_files import PlanFileError
from sandbox.stack import EXTERNAL_ID, REGION, Sandbox, SandboxError


@dataclass(frozen=True, slots=True)
class World:
    """What was loaded: ids by the names the file uses, and how many source servers there are."""

    plan_id: str
    group_ids: Mapping[str, str]
    servers: int


def load(sandbox: Sandbox, path: Path) -> World:
    """Raise SandboxError naming what the file or the API does not accept."""
    try:
        example = plan_files.read(path).data
    except PlanFileError as error:
        raise SandboxError(str(error)) from error
    try:
        rows, groups, plan = example["sandbox"]["sourceServers"], example["protectionGroups"], example["recoveryPlan"]
        regions: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            regions[row["accountId"]].add(row["region"])
        register_accounts(sandbox, {account_id: sorted(found) for account_id, found in regions.items()})
        server_ids = seed_source_servers(sandbox, rows)

        def server_id(account_id: str, region: str, hostname: str) -> str:
            return server_ids[hostname]

        group_ids = {
            group["name"]: str(_post(sandbox, "/protection-groups", plan_files.group_body(group, server_id))["groupId"])
            for group in groups
        }
        by_name = {group["name"]: group for group in groups}
        created = _post(sandbox, "/recovery-plans", plan_files.plan_body(plan, by_name, group_ids, server_id))
    except (KeyError, TypeError) as error:
        raise SandboxError(f"{path} has no {error}, or names one that it does not define") from error
    return World(created["planId"], group_ids, len(server_ids))


def register_accounts(sandbox: Sandbox, regions: Mapping[str, list[str]] | None = None) -> None:
    """Tell drs-waves of each account by which role and external id it is reached, and in which Regions."""
    for account_id, role_arn in sandbox.target_roles.items():
        account = {"accountId": account_id, "roleArn": role_arn, "externalId": EXTERNAL_ID}
        _post(sandbox, "/target-accounts", {**account, "regions": (regions or {}).get(account_id) or [REGION]})


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


def _post(sandbox: Sandbox, path: str, body: Any) -> dict[str, Any]:
    reply = sandbox.request("POST", path, body)
    if reply.status != 201:
        raise SandboxError(f"POST {path} answered {reply.status}: {reply.body}")
    answer: dict[str, Any] = reply.body
    return answer
