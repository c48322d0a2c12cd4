"""Give a running sandbox something to recover: registered accounts, source servers, groups and plans."""

import re
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox import networks, shop
from sandbox.settings import EXTERNAL_ID, REGION, SandboxError
from sandbox.shop import Shop
from sandbox.stack import Sandbox


def register_accounts(sandbox: Sandbox, accounts: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Register these accounts, with the roles and the external id of the sandbox.

    `accounts` has the `regions` and perhaps the `name` of each by account id. One that the sandbox does not have yet
    becomes one of its target accounts. Without `accounts`, all that the sandbox has are registered, for its Region.
    """
    chosen = {key: {"regions": [REGION]} for key in sandbox.target_roles} if accounts is None else accounts
    for account_id, fields in sorted(chosen.items()):
        sandbox.add_target_account(account_id)
        account = {"accountId": account_id, "roleArn": sandbox.target_roles[account_id], "externalId": EXTERNAL_ID}
        create_resource(sandbox, "/target-accounts", {**account, **fields})


def seed_source_servers(sandbox: Sandbox, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str], str]:
    """Create the rows' servers in the DRS emulator, and return their ids by account, Region and host name.

    A row of one server may have its `sourceServerId`; other servers get one from the emulator.
    """
    by_target: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        given = {"sourceServerID": row["sourceServerId"]} if "sourceServerId" in row else {}
        for number in range(1, row["count"] + 1):
            hostname = row["hostname"].format(n=number)
            by_target[row["accountId"], row["region"]].append(
                {
                    **given,
                    "hostname": hostname,
                    "os": row["os"],
                    "cpus": row["cpus"],
                    "ramGiB": row["ramGiB"],
                    "disks": [{"gib": size} for size in row["disksGiB"]],
                    "tags": {"Name": hostname, **row["tags"]},
                }
            )
    ids: dict[tuple[str, str, str], str] = {}
    for (account_id, region), servers in by_target.items():
        body = {"accountId": account_id, "region": region, "servers": servers}
        answer = sandbox.control_emulator("POST", "/source-servers", body)
        for server, server_id in zip(servers, answer["sourceServerIDs"], strict=True):
            ids[account_id, region, server["hostname"]] = server_id
    for row in rows:
        for number in range(1, row["count"] + 1) if row.get("postLaunchActions") else ():
            _set_launch_actions(sandbox, row, ids[row["accountId"], row["region"], row["hostname"].format(n=number)])
    return ids


def _set_launch_actions(sandbox: Sandbox, row: Mapping[str, Any], server_id: str) -> None:
    """Switch on the post-launch actions of a server, as one does in the console of DRS."""
    drs = sandbox.client("drs", account=row["accountId"], region=row["region"])
    drs.update_launch_configuration(sourceServerID=server_id, postLaunchEnabled=True)
    for order, document in enumerate(row["postLaunchActions"], start=1001):
        drs.put_launch_action(
            resourceId=server_id,
            actionId=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{server_id}/{order}")),
            actionCode=document,
            actionVersion="$DEFAULT",
            name=re.sub(r"[^A-Za-z0-9 /_-]", "-", document),
            order=order,
            category="OTHER",
            description="",
            active=True,
            optional=True,
            parameters={},
        )


def open_shops(
    sandbox: Sandbox, rows: Sequence[Mapping[str, Any]], ids: Mapping[tuple[str, str, str], str]
) -> dict[tuple[str, str], Shop]:
    """Open a shop in each account and Region of the rows, and return them by these. `ids` are those of the servers.

    Behind its target group are the servers with the tag `tier: web`, or all, if none has it.
    """
    servers = defaultdict[tuple[str, str], list[tuple[bool, str]]](list)
    for row in rows:
        for number in range(1, row["count"] + 1):
            server_id = ids[row["accountId"], row["region"], row["hostname"].format(n=number)]
            servers[row["accountId"], row["region"]].append((shop.WEB_TAG in row["tags"].items(), server_id))
    return {target: _open_shop(sandbox, *target, found) for target, found in servers.items()}


def _open_shop(sandbox: Sandbox, account_id: str, region: str, servers: Sequence[tuple[bool, str]]) -> Shop:
    web = [server_id for is_web, server_id in servers if is_web] or [server_id for _, server_id in servers]

    def client(service: str) -> Any:
        return sandbox.client(service, account=account_id, region=region)

    return shop.open_shop(client, sandbox.control_emulator, account_id, region, web)


def lay_networks(sandbox: Sandbox, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give each account and Region of the rows the networks for drills and for recoveries."""
    for account_id, region in sorted({(row["accountId"], row["region"]) for row in rows}):
        networks.lay_networks(sandbox.control_emulator, account_id, region)


def create_resource(sandbox: Sandbox, path: str, body: Any) -> dict[str, Any]:
    """Create a resource through the HTTP API, and return it. Raise SandboxError if the API refuses."""
    reply = sandbox.request("POST", path, body)
    if reply.status != 201:
        raise SandboxError(f"POST {path} answered {reply.status}: {reply.body}")
    resource: dict[str, Any] = reply.body
    return resource
