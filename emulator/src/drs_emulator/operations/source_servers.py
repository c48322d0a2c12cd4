"""Operations of the service's set-up, of source servers and of their recovery points."""

from typing import Any

from drs_emulator.clock import from_iso, iso
from drs_emulator.errors import Conflict, Invalid
from drs_emulator.operations.pagination import paginate
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.source_server import SourceServer, ebs_snapshot_ids

MILLISECOND = 0.001


@operation("InitializeService")
def initialize_service(call: Call) -> dict[str, Any]:
    call.target.initialized = True
    return {}


@operation("DescribeSourceServers")
def describe_source_servers(call: Call) -> dict[str, Any]:
    """In order of id. An absent or empty filter matches everything."""
    ids = set(call.filters.get("sourceServerIDs") or ())
    staging = set(call.filters.get("stagingAccountIDs") or ())
    hardware = call.filters.get("hardwareId")

    def matches(server: SourceServer) -> bool:
        return (
            (not ids or server.id in ids)
            and (not staging or (server.staging_account or server.target.account) in staging)
            and (not hardware or hardware in server.hardware_ids)
        )

    servers = call.target.servers
    matching = filter(matches, (servers[server_id] for server_id in sorted(servers)))
    return paginate(call, matching, lambda server: server.id, lambda server: server.to_api(call.now))


@operation("DisconnectSourceServer")
def disconnect_source_server(call: Call) -> dict[str, Any]:
    """Raise Conflict while the server has a recovery instance."""
    server = call.target.server(call.input["sourceServerID"])
    refuse_if_in_job(call, server)
    if server.recovery_instance_id:
        raise Conflict(
            f"{server.id} has the recovery instance {server.recovery_instance_id}",
            resourceId=server.id,
            resourceType="SourceServer",
        )
    server.replication.set_state("DISCONNECTED", call.now)
    return server.to_api(call.now)


@operation("DeleteSourceServer")
def delete_source_server(call: Call) -> dict[str, Any]:
    """Raise Conflict unless the server is disconnected and in no recovery plan."""
    server = call.target.server(call.input["sourceServerID"])
    refuse_if_in_job(call, server)
    if server.replication.state != "DISCONNECTED" or server.recovery_instance_id:
        raise Conflict(f"{server.id} is not disconnected", resourceId=server.id, resourceType="SourceServer")
    if plan := call.target.plan_of(server.id):
        raise Conflict(f"{server.id} is in {plan.arn}", resourceId=server.id, resourceType="SourceServer")
    del call.target.servers[server.id]
    call.target.ec2.templates.pop(server.launch.ec2_template_id, None)
    return {}


def refuse_if_in_job(call: Call, server: SourceServer) -> None:
    """Raise Conflict if the server is in a job that has not ended."""
    if job := call.target.job_of(server.id):
        raise Conflict(f"{server.id} is in {job.id}", resourceId=server.id, resourceType="SourceServer")


@operation("DescribeRecoverySnapshots")
def describe_recovery_snapshots(call: Call) -> dict[str, Any]:
    """Newest first, unless `order` is ASC."""
    server = call.target.server(call.input["sourceServerID"])
    earliest = read_time_filter(call.filters, "fromDateTime", 0)
    latest = read_time_filter(call.filters, "toDateTime", float("inf"))
    known = server.recovery_points(call.now).items()
    points = [(time, name) for name, time in known if earliest < time + MILLISECOND and time <= latest]
    ascending = call.input.get("order") == "ASC"
    points.sort(reverse=not ascending)

    def sort_key(point: tuple[float, str]) -> str:
        return f"{point[0] if ascending else 10**11 - point[0]:014.0f}"

    def to_api(point: tuple[float, str]) -> dict[str, Any]:
        time, snapshot_id = point
        return {
            "snapshotID": snapshot_id,
            "sourceServerID": server.id,
            "expectedTimestamp": iso(time),
            "timestamp": iso(time),
            "ebsSnapshots": ebs_snapshot_ids(server, snapshot_id),
        }

    return paginate(call, points, sort_key, to_api)


def read_time_filter(filters: dict[str, Any], name: str, default: float) -> float:
    if name not in filters:
        return default
    try:
        return from_iso(filters[name])
    except ValueError as error:  # the model's pattern accepts the 31st of February
        raise Invalid(f"filters.{name}: {error}", fields=[(f"filters.{name}", str(error))]) from error
