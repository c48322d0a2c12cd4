"""Starting jobs and watching them."""

from typing import Any

from drs_emulator.errors import Conflict, Invalid, ResourceNotFound
from drs_emulator.operations.pagination import page
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.source_servers import moment_filter
from drs_emulator.records.job import Job, Participant
from drs_emulator.simulation.job_lifecycle import start_job


@operation("StartRecovery")
def start_recovery(call: Call) -> dict[str, Any]:
    """The model lists no ValidationException or ResourceNotFoundException here; both are assumed."""
    asked: list[dict[str, str]] = call.input["sourceServers"]
    participants = [_participant(call, one["sourceServerID"], one.get("recoverySnapshotID", "")) for one in asked]
    refuse_repeats([one["sourceServerID"] for one in asked], "sourceServers")
    is_drill = call.input.get("isDrill", False)
    by = "START_DRILL" if is_drill else "START_RECOVERY"
    tags = dict(call.input.get("tags") or {})
    return {"job": start_job(call.world, call.target, "LAUNCH", by, participants, tags, call.now).to_api()}


@operation("TerminateRecoveryInstances")
def terminate_recovery_instances(call: Call) -> dict[str, Any]:
    asked: list[str] = call.input["recoveryInstanceIDs"]
    refuse_repeats(asked, "recoveryInstanceIDs")
    participants = []
    for instance_id in asked:
        instance = call.target.instance(instance_id)
        participants.append(Participant(instance.server_id, recovery_instance_id=instance_id))
    by = "TERMINATE_RECOVERY_INSTANCES"
    return {"job": start_job(call.world, call.target, "TERMINATE", by, participants, {}, call.now).to_api()}


@operation("DescribeJobs")
def describe_jobs(call: Call) -> dict[str, Any]:
    """Newest first; the dates are those of creation, both included."""
    ids = call.filters.get("jobIDs")
    jobs = call.target.jobs
    earliest = moment_filter(call.filters, "fromDate", 0)
    latest = moment_filter(call.filters, "toDate", float("inf"))
    chosen = (jobs[job_id] for job_id in set(ids) if job_id in jobs) if ids else jobs.values()
    found = [job for job in chosen if earliest <= job.created_at <= latest]
    found.sort(key=lambda job: -job.number)
    return page(call, found, lambda job: f"{10**9 - job.number:010}", Job.to_api)


@operation("DescribeJobLogItems")
def describe_job_log_items(call: Call) -> dict[str, Any]:
    """In the order they were written. The model lists no ResourceNotFoundException here; it is assumed."""
    job = call.target.job(call.input["jobID"])
    return page(call, enumerate(job.log), lambda entry: f"{entry[0]:08}", lambda entry: entry[1].to_api())


@operation("DeleteJob")
def delete_job(call: Call) -> dict[str, Any]:
    """One that has ended."""
    job = call.target.job(call.input["jobID"])
    if job.in_progress:
        raise Conflict(f"{job.id} has not ended", resourceId=job.id, resourceType="Job")
    del call.target.jobs[job.id]
    return {}


def refuse_repeats(ids: list[str], field: str) -> None:
    if len(set(ids)) != len(ids):
        raise Invalid(f"{field}: holds an id twice", fields=[(field, "holds an id twice")])


def _participant(call: Call, server_id: str, snapshot_id: str) -> Participant:
    server = call.target.server(server_id)
    if not snapshot_id:
        return Participant(server_id)
    points = server.recovery_points(call.now)
    if snapshot_id not in points:
        raise ResourceNotFound(
            f"{server_id} has no recovery snapshot {snapshot_id}", resourceId=snapshot_id, resourceType="Snapshot"
        )
    return Participant(server_id, snapshot_id=snapshot_id, point_in_time=points[snapshot_id])
