"""Operations that extend source servers of a staging account into this account.

Every staging account is assumed to allow it: resource shares and trusted accounts are not built.
"""

import copy
from typing import Any

from drs_emulator.errors import Conflict, Invalid, QuotaExceeded, ResourceNotFound
from drs_emulator.ids import new_id, stable_id
from drs_emulator.operations.pagination import paginate
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.launch_configuration import LaunchConfiguration
from drs_emulator.records.source_server import SourceServer
from drs_emulator.world.ec2.launch_templates import make_templates
from drs_emulator.world.target import Target


@operation("CreateExtendedSourceServer")
def create_extended_source_server(call: Call) -> dict[str, Any]:
    """Copy the replication of the staging server. Later changes there do not affect the copy."""
    arn: str = call.input["sourceServerArn"]
    _, _, _, region, account, resource = arn.split(":", 5)
    if region != call.target.key.region or account == call.target.key.account:
        raise Invalid(f"{arn} does not belong to another account in {call.target.key.region}", "other")
    staging = _find_staging_target(call, account)
    source = staging.servers.get(resource.partition("/")[2])
    if source is None or source.is_extended:
        raise ResourceNotFound(f"There is no server {arn} to extend", resourceId=arn, resourceType="SourceServer")
    if source.id in _extended_ids(call, account):
        raise Conflict(f"{arn} is already extended", resourceId=arn, resourceType="SourceServer")
    if len(call.target.servers) >= call.world.settings.quotas.source_servers:
        raise QuotaExceeded("There are too many source servers", serviceCode="drs", quotaCode="L-E28BE5E0")
    server_id = new_id("s-")
    server = SourceServer(
        id=server_id,
        target=call.target.key,
        machine=source.machine,
        instance_type=source.instance_type,
        launch=LaunchConfiguration(source.machine.hostname, stable_id("lt-", server_id)),
        added_at=call.now,
        replication=copy.copy(source.replication),
        staging_account=account,
        staging_server_id=source.id,
        tags=dict(call.input.get("tags") or {}),
    )
    server.apply_templates(call.target.templates.values())
    call.target.servers[server.id] = server
    make_templates(call.target, [server])
    return {"sourceServer": server.to_api(call.now)}


@operation("ListExtensibleSourceServers")
def list_extensible_source_servers(call: Call) -> dict[str, Any]:
    account: str = call.input["stagingAccountID"]
    extended_ids = _extended_ids(call, account)
    extensible = [
        s
        for s in _find_staging_target(call, account).servers.values()
        if not s.is_extended and s.id not in extended_ids
    ]

    def to_api(server: SourceServer) -> dict[str, Any]:
        return {"hostname": server.machine.hostname, "arn": server.arn, "tags": dict(server.tags)}

    return paginate(
        call, sorted(extensible, key=lambda server: server.id), lambda server: server.id, to_api, max_items=300
    )


@operation("ListStagingAccounts")
def list_staging_accounts(call: Call) -> dict[str, Any]:
    accounts = sorted({server.staging_account for server in call.target.servers.values() if server.is_extended})
    return paginate(call, accounts, str, lambda account: {"accountID": account}, name="accounts", max_items=50)


def _find_staging_target(call: Call, account: str) -> Target:
    """Return the staging account's target, or an empty one that is not stored."""
    key = call.target.key._replace(account=account)
    return call.world.targets.get(key, Target(key))


def _extended_ids(call: Call, account: str) -> set[str]:
    return {s.staging_server_id for s in call.target.servers.values() if s.staging_account == account}
