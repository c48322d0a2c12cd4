"""Operations of recovery instances."""

from typing import Any

from drs_emulator.errors import Conflict
from drs_emulator.operations.pagination import paginate
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.recovery_instance import RecoveryInstance


@operation("DescribeRecoveryInstances")
def describe_recovery_instances(call: Call) -> dict[str, Any]:
    """In order of id. An absent or empty filter matches everything."""
    ids = set(call.filters.get("recoveryInstanceIDs") or ())
    servers = set(call.filters.get("sourceServerIDs") or ())

    def matches(instance: RecoveryInstance) -> bool:
        return (not ids or instance.id in ids) and (not servers or instance.server_id in servers)

    matching = sorted(filter(matches, call.target.instances.values()), key=lambda instance: instance.id)
    return paginate(call, matching, lambda instance: instance.id, lambda instance: instance.to_api(call.now))


@operation("DisconnectRecoveryInstance")
def disconnect_recovery_instance(call: Call) -> dict[str, Any]:
    instance = call.target.instance(call.input["recoveryInstanceID"])
    refuse_if_instance_in_job(call, instance)
    instance.failback.state = "FAILBACK_NOT_STARTED"
    instance.failback.replication.set_state("DISCONNECTED", call.now)
    return {}


@operation("DeleteRecoveryInstance")
def delete_recovery_instance(call: Call) -> dict[str, Any]:
    """Raise Conflict unless the instance is disconnected. The EC2 instance stays.

    That an unknown id is an error is an assumption.
    """
    instance = call.target.instance(call.input["recoveryInstanceID"])
    refuse_if_instance_in_job(call, instance)
    if not instance.is_disconnected:
        raise conflict(instance, "it is not disconnected")
    del call.target.instances[instance.id]
    server = call.target.servers.get(instance.server_id)
    if server and server.recovery_instance_id == instance.id:
        server.recovery_instance_id = ""
    return {}


def refuse_if_instance_in_job(call: Call, instance: RecoveryInstance) -> None:
    """Raise Conflict if the instance's server is in a job that has not ended."""
    if job := call.target.job_of(instance.server_id):
        raise conflict(instance, f"its source server is in {job.id}")


def conflict(instance: RecoveryInstance, why: str) -> Conflict:
    return Conflict(f"{instance.id}: {why}", resourceId=instance.id, resourceType="RecoveryInstance")
