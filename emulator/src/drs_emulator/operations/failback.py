"""Operations of failback: replication from a recovery instance, and the launch of the original machine.

As in the service, there are two ways. For servers from EC2, ReverseReplication creates a source server of the opposite
direction in the Region of origin, and StartRecovery launches it there. For other servers, a failback client boots on
the machine (`POST /_emulator/failback-clients`), and StartFailbackLaunch ends the failback.
"""

from typing import Any

from drs_emulator.errors import Invalid, Uninitialized
from drs_emulator.ids import new_id, stable_id
from drs_emulator.operations.jobs import refuse_duplicates
from drs_emulator.operations.launch_settings import input_without
from drs_emulator.operations.recovery_instances import conflict, refuse_if_instance_in_job
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.job import Participant
from drs_emulator.records.launch_configuration import LaunchConfiguration
from drs_emulator.records.recovery_instance import Failback, RecoveryInstance
from drs_emulator.records.replication import Replication
from drs_emulator.records.source_server import SourceServer
from drs_emulator.simulation.job_lifecycle import start_job
from drs_emulator.target_key import TargetKey
from drs_emulator.world.ec2.launch_templates import make_templates


@operation("ReverseReplication")
def reverse_replication(call: Call) -> dict[str, Any]:
    """Raise Uninitialized if DRS is not initialized in the Region of origin, which is an assumption."""
    instance = call.target.instance(call.input["recoveryInstanceID"])
    origin = instance.machine.origin
    if not {"originAccountID", "originRegion"} <= origin.keys():
        raise Invalid(f"{instance.id} did not come from EC2", "other")
    refuse_if_instance_in_job(call, instance)
    server = call.target.server(instance.server_id)
    if instance.failback.state != "FAILBACK_NOT_STARTED":
        raise conflict(instance, f"its failback is {instance.failback.state_at(call.now)}")
    origin_target = call.world.targets.get(TargetKey(origin["originAccountID"], origin["originRegion"]))
    if origin_target is None or not origin_target.initialized:
        raise Uninitialized(f"DRS is not initialized in {origin['originRegion']}, where {server.id} came from")
    _begin_failback(call, instance)
    reversed_id = server.reversed_arn.rpartition("/")[2]
    reversed_server = origin_target.servers.get(reversed_id) or _reverse_server(call, instance, origin_target.key)
    reversed_server.replication.start(call.now, call.world.settings.durations.replication)
    if reversed_server.id not in origin_target.servers:
        make_templates(origin_target, [reversed_server])
    origin_target.servers[reversed_server.id] = reversed_server
    server.reversed_arn, reversed_server.reversed_arn = reversed_server.arn, server.arn
    return {"reversedDirectionSourceServerArn": reversed_server.arn}


@operation("StartFailbackLaunch")
def start_failback_launch(call: Call) -> dict[str, Any]:
    """The model lists no ResourceNotFoundException here; it is assumed."""
    instance_ids: list[str] = call.input["recoveryInstanceIDs"]
    refuse_duplicates(instance_ids, "recoveryInstanceIDs")
    instances = [call.target.instance(instance_id) for instance_id in instance_ids]
    for instance in instances:
        state = instance.failback.state_at(call.now)
        if state not in ("FAILBACK_READY_FOR_LAUNCH", "FAILBACK_ERROR"):
            raise conflict(instance, f"its failback is {state}, not FAILBACK_READY_FOR_LAUNCH")
    participants = [Participant(each.server_id, recovery_instance_id=each.id) for each in instances]
    tags = dict(call.input.get("tags") or {})
    job = start_job(call.world, call.target, "LAUNCH", "FAILBACK", participants, tags, call.now)
    for instance in instances:
        instance.failback.job_id = job.id
    return {"job": job.to_api()}


@operation("StopFailback")
def stop_failback(call: Call) -> dict[str, Any]:
    """The model lists no ConflictException here; for an instance in a job it is assumed."""
    instance = call.target.instance(call.input["recoveryInstanceID"])
    refuse_if_instance_in_job(call, instance)
    instance.failback = Failback()
    server = call.target.servers.get(instance.server_id)
    if server and server.reversed_arn:
        _, _, _, region, account, resource = server.reversed_arn.split(":", 5)
        other_target = call.world.target(TargetKey(account, region))
        if reversed_server := other_target.servers.get(resource.partition("/")[2]):
            reversed_server.replication.set_state("STOPPED", call.now)
    return {}


@operation("GetFailbackReplicationConfiguration")
def get_failback_replication_configuration(call: Call) -> dict[str, Any]:
    instance = call.target.instance(call.input["recoveryInstanceID"])
    return {"recoveryInstanceID": instance.id, "name": instance.machine.hostname} | instance.failback_settings


@operation("UpdateFailbackReplicationConfiguration")
def update_failback_replication_configuration(call: Call) -> dict[str, Any]:
    instance = call.target.instance(call.input["recoveryInstanceID"])
    instance.failback_settings = instance.failback_settings | input_without(call, "recoveryInstanceID")
    return {}


def _begin_failback(call: Call, instance: RecoveryInstance) -> None:
    """Raise Conflict if the instance is disconnected."""
    if instance.is_disconnected:
        raise conflict(instance, "it is disconnected")
    instance.failback = Failback("FAILBACK_IN_PROGRESS", call.now)
    instance.failback.replication.start(call.now, call.world.settings.durations.replication)


def _reverse_server(call: Call, instance: RecoveryInstance, key: TargetKey) -> SourceServer:
    here = call.target.key
    origin = {
        "originAccountID": here.account,
        "originRegion": here.region,
        "originAvailabilityZone": f"{here.region}a",
    }
    server = call.target.server(instance.server_id)
    server_id = new_id("s-")
    return SourceServer(
        id=server_id,
        target=key,
        machine=server.machine.move_to(instance.id, instance.private_ip, origin),
        instance_type=server.instance_type,
        launch=LaunchConfiguration(server.machine.hostname, stable_id("lt-", server_id)),
        added_at=call.now,
        replication=Replication(),
        direction="FAILBACK" if server.direction == "FAILOVER" else "FAILOVER",
        tags=dict(server.tags),
    )
