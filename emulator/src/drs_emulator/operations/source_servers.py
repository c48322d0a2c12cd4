"""Setting the service up, source servers and their recovery points."""

from typing import Any

from drs_emulator.clock import from_iso, iso
from drs_emulator.errors import Conflict, Invalid
from drs_emulator.operations.pagination import page
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.source_server import SourceServer, snapshot_volumes


@operation("InitializeService")
def initialize_service(call: Call) -> dict[str, Any]:
    call.target.initialized = True
    return {}


@operation("DescribeSourceServers")
def describe_source_servers(call: Call) -> dict[str, Any]:
    """By id. A filter that is absent or empty lets everything pass."""
    ids = set(call.filters.get("sourceServerIDs") or ())
    staging = set(call.filters.get("stagingAccountIDs") or ())
    hardware = call.filters.get("hardwareId")

    def wanted(server: SourceServer) -> bool:
        return (
            (not ids or server.id in ids)
            and (not staging or (server.staging_account or server.target.account) in staging)
            and (not hardware or hardware in server.hardware_ids)
        )

    servers = call.target.servers
    found = filter(wanted, (servers[server_id] for server_id in sorted(servers)))
    return page(call, found, lambda server: server.id, lambda server: server.to_api(call.now))


@operation("DisconnectSourceServer")
def disconnect_source_server(call: Call) -> dict[str, Any]:
    """Not while it has a recovery instance."""
    server = call.target.server(call.input["sourceServerID"])
    refuse_busy(call, server)
    if server.recovery_instance_id:
        raise Conflict(
            f"{server.id} has the recovery instance {server.recovery_instance_id}",
            resourceId=server.id,
            resourceType="SourceServer",
        )
    server.replication.set("DISCONNECTED", call.now)
    return server.to_api(call.now)


@operation("DeleteSourceServer")
def delete_source_server(call: Call) -> dict[str, Any]:
    """Once it is disconnected."""
    server = call.target.server(call.input["sourceServerID"])
    refuse_busy(call, server)
    if server.replication.state != "DISCONNECTED" or server.recovery_instance_id:
        raise Conflict(f"{server.id} is not disconnected", resourceId=server.id, resourceType="SourceServer")
    del call.target.servers[server.id]
    return {}


def refuse_busy(call: Call, server: SourceServer) -> None:
    """Raises Conflict for one in a job that has not ended."""
    if job := call.target.job_of(server.id):
        raise Conflict(f"{server.id} is in {job.id}", resourceId=server.id, resourceType="SourceServer")


@operation("DescribeRecoverySnapshots")
def describe_recovery_snapshots(call: Call) -> dict[str, Any]:
    """Newest first unless `order` is ASC."""
    server = call.target.server(call.input["sourceServerID"])
    earliest = moment_filter(call.filters, "fromDateTime", 0)
    latest = moment_filter(call.filters, "toDateTime", float("inf"))
    points = [
        (moment, name) for name, moment in server.recovery_points(call.now).items() if earliest <= moment <= latest
    ]
    ascending = call.input.get("order") == "ASC"
    points.sort(reverse=not ascending)

    def place(point: tuple[float, str]) -> str:
        return f"{point[0] if ascending else 10**11 - point[0]:014.0f}"

    def show(point: tuple[float, str]) -> dict[str, Any]:
        moment, snapshot_id = point
        return {
            "snapshotID": snapshot_id,
            "sourceServerID": server.id,
            "expectedTimestamp": iso(moment),
            "timestamp": iso(moment),
            "ebsSnapshots": snapshot_volumes(server, snapshot_id),
        }

    return page(call, points, place, show)


def moment_filter(filters: dict[str, Any], name: str, absent: float) -> float:
    if name not in filters:
        return absent
    try:
        return from_iso(filters[name])
    except ValueError as error:  # the model's pattern lets the 31st of February pass
        raise Invalid(f"filters.{name}: {error}", fields=[(f"filters.{name}", str(error))]) from error
