"""Operations that start, describe and delete jobs."""

from typing import Any

from drs_emulator.errors import Conflict, Invalid, ResourceNotFound
from drs_emulator.operations.pagination import paginate
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.source_servers import MILLISECOND, read_time_filter
from drs_emulator.records.job import Job, Participant
from drs_emulator.simulation.job_lifecycle import start_job


@operation("StartRecovery")
def start_recovery(call: Call) -> dict[str, Any]:
    """The model lists no ValidationException or ResourceNotFoundException here; both are assumed."""
    servers: list[dict[str, str]] = call.input["sourceServers"]
    participants = [
        _build_participant(call, one["sourceServerID"], one.get("recoverySnapshotID", "")) for one in servers
    ]
    refuse_duplicates([one["sourceServerID"] for one in servers], "sourceServers")
    is_drill = call.input.get("isDrill", False)
    initiated_by = "START_DRILL" if is_drill else "START_RECOVERY"
    tags = dict(call.input.get("tags") or {})
    return {"job": start_job(call.world, call.target, "LAUNCH", initiated_by, participants, tags, call.now).to_api()}


@operation("TerminateRecoveryInstances")
def terminate_recovery_instances(call: Call) -> dict[str, Any]:
    instance_ids: list[str] = call.input["recoveryInstanceIDs"]
    refuse_duplicates(instance_ids, "recoveryInstanceIDs")
    participants = []
    for instance_id in instance_ids:
        instance = call.target.instance(instance_id)
        participants.append(Participant(instance.server_id, recovery_instance_id=instance_id))
    initiated_by = "TERMINATE_RECOVERY_INSTANCES"
    return {"job": start_job(call.world, call.target, "TERMINATE", initiated_by, participants, {}, call.now).to_api()}


@operation("DescribeJobs")
def describe_jobs(call: Call) -> dict[str, Any]:
    """Newest first. The dates of the filter are inclusive dates of creation, to the millisecond."""
    ids = call.filters.get("jobIDs")
    jobs = call.target.jobs
    earliest = read_time_filter(call.filters, "fromDate", 0)
    latest = read_time_filter(call.filters, "toDate", float("inf"))
    candidates = (jobs[job_id] for job_id in set(ids) if job_id in jobs) if ids else jobs.values()
    matching = [
        job
        for job in candidates
        if not job.is_hidden(call.now) and earliest < job.created_at + MILLISECOND and job.created_at <= latest
    ]
    matching.sort(key=lambda job: -job.number)
    return paginate(call, matching, lambda job: f"{10**9 - job.number:010}", Job.to_api)


@operation("DescribeJobLogItems")
def describe_job_log_items(call: Call) -> dict[str, Any]:
    """In the order of the log. The model lists no ResourceNotFoundException here; it is assumed."""
    job = call.target.job(call.input["jobID"], call.now)
    return paginate(call, enumerate(job.log), lambda entry: f"{entry[0]:08}", lambda entry: entry[1].to_api())


@operation("DeleteJob")
def delete_job(call: Call) -> dict[str, Any]:
    """Raise Conflict unless the job has ended."""
    job = call.target.job(call.input["jobID"])
    if job.in_progress:
        raise Conflict(f"{job.id} has not ended", resourceId=job.id, resourceType="Job")
    del call.target.jobs[job.id]
    return {}


def refuse_duplicates(ids: list[str], field: str) -> None:
    if len(set(ids)) != len(ids):
        raise Invalid(f"{field}: contains an id twice", fields=[(field, "contains an id twice")])


def _build_participant(call: Call, server_id: str, snapshot_id: str) -> Participant:
    server = call.target.server(server_id)
    if not snapshot_id:
        return Participant(server_id)
    points = server.recovery_points(call.now)
    if snapshot_id not in points:
        raise ResourceNotFound(
            f"{server_id} has no recovery snapshot {snapshot_id}", resourceId=snapshot_id, resourceType="Snapshot"
        )
    return Participant(server_id, snapshot_id=snapshot_id, point_in_time=points[snapshot_id])
