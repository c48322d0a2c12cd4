"""Reshapes an answer: every record in it, and every time.

A record is known by its shape in the model, so it looks the same in each operation that returns it.
"""

from collections.abc import Callable
from typing import Any

from drs_emulator.behaviour import Behaviour
from drs_emulator.ids import digest
from drs_emulator.protocol.service_model import Operation, Shape
from drs_emulator.shaping.times import TIME_SHAPE, elapsed_duration, write_duration, write_time

Record = dict[str, Any]
Rewrite = Callable[[str], str]
IDS = ("jobID", "recoveryInstanceID", "snapshotID", "sourceServerID")  # the first that a record has names it


def reshape(operation: Operation, output: Record, behaviour: Behaviour) -> Record:
    """Return a reshaped copy; the records of the emulator stay as they are."""
    if operation.output is None:
        return output
    reshaped: Record = _Reshaper(behaviour).visit(operation.output, output, "")
    return reshaped


class _Reshaper:
    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    def visit(self, shape: Shape, value: Any, owner: str) -> Any:
        """`owner` is the id of the record that the value belongs to, so that `mixed` always mixes the same way."""
        if shape.kind == "list" and shape.element and _is_touched(shape):
            return [self.visit(shape.element, entry, owner) for entry in value]
        if shape.kind != "structure" or not _is_touched(shape):
            return value
        owner = owner or next((str(value[name]) for name in IDS if name in value), "")
        if rule := RULES.get(shape.name):
            value = rule(value, self._behaviour)
        return {name: self._visit_member(shape, name, entry, owner) for name, entry in value.items()}

    def _visit_member(self, shape: Shape, name: str, value: Any, owner: str) -> Any:
        member = shape.members.get(name)
        if member is None:
            return value
        if member.shape.name == TIME_SHAPE:
            return write_time(value, self._behaviour.time_form, f"{owner or value} {name}")
        if name == "lagDuration":
            return write_duration(value, self._behaviour.duration_form)
        return self.visit(member.shape, value, owner)


_touched: dict[str, bool] = {}


def _is_touched(shape: Shape) -> bool:
    """Return whether the shape contains a time or a record with a rule."""
    if shape.name not in _touched:
        _touched[shape.name] = _search(shape, set())
    return _touched[shape.name]


def _search(shape: Shape, seen: set[str]) -> bool:
    """`seen` are the shapes that are being searched, because a shape can contain itself."""
    if shape.name in RULES or shape.name == TIME_SHAPE:
        return True
    if shape.name in seen:
        return False
    seen.add(shape.name)
    parts = [member.shape for member in shape.members.values()] + ([shape.element] if shape.element else [])
    return any(_search(part, seen) for part in parts)


def _shape_job(job: Record, behaviour: Behaviour) -> Record:
    optional = behaviour.optional_members
    job = dict(job)
    if optional == "absent" and not job.get("tags"):
        job.pop("tags", None)
    if _has(job, "resources", optional):
        job["participatingResources"] = []
    participants = job.get("participatingServers", [])
    if job["initiatedBy"] == "TERMINATE_RECOVERY_INSTANCES":
        job["participatingServers"] = _shape_terminated(job, participants, behaviour.terminate_participants)
    elif job["initiatedBy"] != "FAILBACK":
        job["participatingServers"] = [_shape_launched(job, participant, behaviour) for participant in participants]
    elif behaviour.launch_participants == "sparse":
        job["participatingServers"] = [_shape_failed_back(job, participant) for participant in participants]
    return job


def _shape_launched(job: Record, participant: Record, behaviour: Behaviour) -> Record:
    if behaviour.launch_participants == "sparse":
        participant = _without(participant, "recoveryInstanceID")
    if "launchActionsStatus" not in participant and _has(job, "actions", behaviour.optional_members):
        return participant | {"launchActionsStatus": {"runs": []}}
    return participant


def _shape_failed_back(job: Record, participant: Record) -> Record:
    names = ["recoveryInstanceID", *(["launchStatus"] if job["status"] == "COMPLETED" else [])]
    return {name: participant[name] for name in names if name in participant}


def _shape_terminated(job: Record, participants: list[Record], variant: str) -> list[Record]:
    if variant == "full":
        return participants
    if variant == "empty" and job["status"] == "COMPLETED":
        return []
    names = ["recoveryInstanceID", *(["launchStatus"] if variant != "named" else [])]
    return [{name: participant[name] for name in names if name in participant} for participant in participants]


def _has(job: Record, member: str, optional: str) -> bool:
    """Decide whether this job has an optional member; `mixed` gives it to about half of the jobs, always the same."""
    return optional == "present" or (optional == "mixed" and int(digest(job["jobID"], member)[0], 16) % 2 == 0)


def _shape_source_server(server: Record, behaviour: Behaviour) -> Record:
    if behaviour.duration_form == "days" and "lifeCycle" in server:
        life_cycle = server["lifeCycle"]
        elapsed = elapsed_duration(life_cycle["firstByteDateTime"], life_cycle["lastSeenByServiceDateTime"])
        server = server | {"lifeCycle": life_cycle | {"elapsedReplicationDuration": elapsed}}
    if behaviour.source_servers == "full":
        return server
    left_out = {"stagingArea"} if server.get("stagingArea", {}).get("status") == "NOT_EXTENDED" else set()
    left_out |= {"replicationDirection"} if server.get("replicationDirection") == "FAILOVER" else set()
    life_cycle = {"lastLaunch": {"initiated": {}}} | server["lifeCycle"]
    if behaviour.source_servers == "bare":
        left_out |= {"recoveryInstanceId", "lastLaunchResult"}
        del life_cycle["lastLaunch"]
    properties = _without(server["sourceProperties"], "supportsNitroInstances", "architecture")
    replication = _without(server["dataReplicationInfo"], "stagingAvailabilityZone")
    reshaped = server | {
        "lifeCycle": life_cycle,
        "sourceProperties": properties,
        "dataReplicationInfo": replication,
    }
    return _without(reshaped, *left_out)


def _shape_recovery_instance(instance: Record, behaviour: Behaviour) -> Record:
    if behaviour.instance_state == "missing":
        instance = _without(instance, "ec2InstanceState")
    if behaviour.unknown_fields:
        instance = instance | {"usageOperationData": {"usageOperation": "RunInstances"}}
    return instance


def _shape_log_item(item: Record, behaviour: Behaviour) -> Record:
    return {"eventData": {}} | item if behaviour.event_data == "empty" else item


def _without(record: Record, *names: str) -> Record:
    return {name: value for name, value in record.items() if name not in names}


RULES: dict[str, Callable[[Record, Behaviour], Record]] = {
    "Job": _shape_job,
    "JobLog": _shape_log_item,
    "SourceServer": _shape_source_server,
    "RecoveryInstance": _shape_recovery_instance,
}
