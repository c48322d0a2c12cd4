"""Adds strange records to answers. They are never checked against the model."""

from typing import Any

from drs_emulator.ids import new_id
from drs_emulator.records.strange_record import StrangeRecord
from drs_emulator.target_key import TargetKey

Record = dict[str, Any]
LOG = "DescribeJobLogItems"
# The filters of each operation, with the members that they match; the first member is the record's id
FILTERS: dict[str, dict[str, str]] = {
    "DescribeJobs": {"jobIDs": "jobID"},
    "DescribeSourceServers": {"sourceServerIDs": "sourceServerID"},
    "DescribeRecoveryInstances": {"recoveryInstanceIDs": "recoveryInstanceID", "sourceServerIDs": "sourceServerID"},
    LOG: {},
}
KINDS = (
    "JOB_WITH_ONLY_AN_ID",
    "JOB_WITH_EMPTY_PARTICIPANT",
    "JOB_WITH_UNKNOWN_VALUES",
    "SOURCE_SERVER_WITH_ONLY_AN_ID",
    "SOURCE_SERVER_WITHOUT_ID",
    "SOURCE_SERVER_WITH_UNKNOWN_STATE",
    "RECOVERY_INSTANCE_WITH_ONLY_AN_ID",
    "RECOVERY_INSTANCE_WITHOUT_SOURCE_SERVER",
    "LOG_ITEM_WITH_UNKNOWN_EVENT",
    "LOG_ITEM_WITHOUT_MEMBERS",
)


def ready_made(kind: str, key: TargetKey, now: str) -> tuple[str, Record]:
    """Return the operation and the record of a kind. `now` is the time of those that have one."""
    if kind.startswith("JOB_"):
        return "DescribeJobs", _strange_job(kind, key, now)
    if kind.startswith("SOURCE_SERVER_"):
        return "DescribeSourceServers", _strange_server(kind, key)
    if kind.startswith("RECOVERY_INSTANCE_"):
        instance_id = new_id("i-")
        more = {"ec2InstanceID": instance_id, "ec2InstanceState": "HIBERNATED", "isDrill": True, "jobID": ""}
        return "DescribeRecoveryInstances", {"recoveryInstanceID": instance_id} | (
            more if kind.endswith("WITHOUT_SOURCE_SERVER") else {}
        )
    return LOG, {"event": "WARM_UP_START", "logDateTime": now} if kind.endswith("EVENT") else {}


def _strange_job(kind: str, key: TargetKey, now: str) -> Record:
    job_id = new_id("drsjob-")
    job: Record = {"jobID": job_id}
    if kind == "JOB_WITH_ONLY_AN_ID":
        return job
    job |= {"arn": key.arn("job", job_id), "creationDateTime": now, "tags": {}}
    if kind == "JOB_WITH_EMPTY_PARTICIPANT":
        known = {"type": "LAUNCH", "initiatedBy": "START_RECOVERY", "status": "STARTED"}
        return job | known | {"participatingServers": [{}, {"launchStatus": "PENDING"}]}
    unknown = {"type": "REHEARSE", "initiatedBy": "START_REHEARSAL", "status": "PAUSED"}
    participant = {"sourceServerID": new_id("s-"), "launchStatus": "WARMING_UP"}
    return job | unknown | {"participatingServers": [participant]}


def _strange_server(kind: str, key: TargetKey) -> Record:
    server_id = new_id("s-")
    if kind == "SOURCE_SERVER_WITH_ONLY_AN_ID":
        return {"sourceServerID": server_id}
    arn: Record = {"arn": key.arn("source-server", server_id), "tags": {"Name": "strange"}}
    if kind == "SOURCE_SERVER_WITHOUT_ID":
        return arn
    return {"sourceServerID": server_id, **arn, "dataReplicationInfo": {"dataReplicationState": "RESTORING"}}


def add_strange_records(operation: str, values: Record, output: Record, strange: list[StrangeRecord]) -> Record:
    """Return the answer with the strange records of its target. `values` is the caller's input."""
    mine = [each for each in strange if each.operation == operation]
    if not mine:
        return output
    items = [_alter(operation, item, mine) for item in output["items"]]
    if not values.get("nextToken"):
        items = [each.record for each in mine if _is_added(each, values)] + items
    return output | {"items": items}


def _alter(operation: str, item: Record, strange: list[StrangeRecord]) -> Record:
    id_name = next(iter(FILTERS[operation].values()), "")
    for each in strange if id_name else ():
        if each.of and each.of == item.get(id_name):
            item = {name: value for name, value in (item | each.record).items() if name not in each.without}
    return item


def _is_added(strange: StrangeRecord, values: Record) -> bool:
    if strange.operation == LOG:
        return bool(strange.of == values["jobID"])
    filters = values.get("filters") or {}
    applied = {name: member for name, member in FILTERS[strange.operation].items() if filters.get(name)}
    matches = all(strange.record.get(member) in filters[name] for name, member in applied.items())
    return not strange.of and (strange.always or matches)
