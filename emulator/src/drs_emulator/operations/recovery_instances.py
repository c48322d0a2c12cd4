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
        is_asked = (not ids or instance.id in ids) and (not servers or instance.server_id in servers)
        return is_asked and not _is_late(call, instance)

    matching = sorted(filter(matches, call.target.instances.values()), key=lambda instance: instance.id)
    return paginate(call, matching, lambda instance: instance.id, lambda instance: instance.to_api(call.now))


def _is_late(call: Call, instance: RecoveryInstance) -> bool:
    """Return whether a new instance is not shown yet, because its job has not ended or has only just ended."""
    delay, job = call.world.settings.behaviour.instance_delay_seconds, call.target.jobs.get(instance.job_id)
    if not delay or job is None:
        return False
    return job.ended_at is None or call.now < job.ended_at + delay


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
