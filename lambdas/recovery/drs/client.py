"""The client of DRS: its operations with typed values. `calls` makes the calls.

Only reads are retried: StartRecovery and TerminateRecoveryInstances have no client token, so a second call could act
twice.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock, job_tags
from recovery.domain.batch import Batch
from recovery.domain.caught_errors import describe_call
from recovery.domain.drs_shapes.job_log import JobLog, JobLogEntry
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration, LaunchDocument
from recovery.domain.drs_shapes.members import read_text, read_time
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.drs_shapes.source_servers import ServerReplication, Snapshot, SourceServer
from recovery.domain.execution import Mode
from recovery.domain.target import Target
from recovery.drs import calls
from recovery.drs.records import parse_items, read_records
from recovery.errors import DrsUnavailable, JobNotVisible

logger = Logger(child=True)

# filters.sourceServerIDs takes at most 200 ids (botocore's drs model).
MAX_IDS_PER_DESCRIBE = 200

# filters.jobIDs takes at most 1,000 ids, filters.sourceNetworkIDs 100 (botocore's drs model and a margin).
MAX_JOBS_PER_DESCRIBE, MAX_NETWORKS_PER_DESCRIBE = 1_000, 100

# The page size to ask for. The model sets no maximum, and DRS may return fewer.
INSTANCES_PER_PAGE = 200

# Entries of a job's log to ask for in a page, and pages to read. A job of 100 servers has about 1,000 entries; if DRS
# returns 50 a page, that is 20 pages.
LOG_ENTRIES_PER_PAGE, MAX_LOG_PAGES = 1_000, 40

# How far back to search for running jobs. DRS keeps an account's job history without end, and a job that runs for
# more than two days is a fault in itself.
LIVE_JOBS_SINCE_SECONDS = 48 * 3_600


def describe_source_servers(target: Target, server_ids: Sequence[str] | None = None) -> list[SourceServer]:
    """The source servers with these ids that DRS knows, or all of the target."""
    filters: list[dict[str, Any]] = [{}]
    if server_ids is not None:
        ids = sorted(server_ids)
        filters = [
            {"sourceServerIDs": ids[at : at + MAX_IDS_PER_DESCRIBE]} for at in range(0, len(ids), MAX_IDS_PER_DESCRIBE)
        ]
    return [
        server
        for chosen in filters
        for server in read_records(target, "describe_source_servers", SourceServer.from_drs, filters=chosen)
    ]


def list_source_servers(target: Target, limit: int, token: str | None) -> tuple[list[ServerReplication], str | None]:
    """A page of the target's source servers with their replication state, and DRS's token for the next page."""
    more = {"nextToken": token} if token else {}
    answer = calls.read(target, "describe_source_servers", filters={}, maxResults=limit, **more)
    servers = parse_items(target, "describe_source_servers", ServerReplication.from_drs, answer.get("items"))
    return servers, answer.get("nextToken") or None


def check_access(target: Target) -> None:
    """Read one server, to learn whether DRS can be reached; the error says why not."""
    calls.read(target, "describe_source_servers", filters={}, maxResults=1)


def find_newest_snapshot(target: Target, server_id: str, until: str | None) -> Snapshot | None:
    """The newest snapshot of the server, not later than `until` (ISO 8601) if given; None when there is none."""
    filters = {"toDateTime": until} if until else {}
    answer = calls.read(
        target,
        "describe_recovery_snapshots",
        sourceServerID=server_id,
        order="DESC",
        maxResults=10,
        **({"filters": filters} if filters else {}),
    )
    return next(iter(parse_items(target, "describe_recovery_snapshots", Snapshot.from_drs, answer.get("items"))), None)


def get_launch_configuration(target: Target, server_id: str) -> LaunchConfiguration:
    """How DRS launches the server. Raise DrsRefused when DRS has no configuration for it."""
    return LaunchConfiguration.from_drs(calls.read(target, "get_launch_configuration", sourceServerID=server_id))


def list_launch_documents(target: Target, server_id: str) -> list[LaunchDocument]:
    """The documents of the server's active launch actions. Raise DrsRefused, TargetAccessDenied, and what passes."""
    return list(read_records(target, "list_launch_actions", LaunchDocument.from_drs, resourceId=server_id))


def update_launch_configuration(target: Target, server_id: str, changes: Mapping[str, Any]) -> LaunchConfiguration:
    """Change members of the server's launch configuration, by their names in DRS; the others stay as they are."""
    answer = calls.call(target, "update_launch_configuration", sourceServerID=server_id, **changes)
    return LaunchConfiguration.from_drs(answer)


def get_job_log(target: Target, job_id: str, limit: int, token: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """A page of DRS's log of a job, `[{event, logDateTime, eventData}]`, and the token of the next page."""
    more = {"nextToken": token} if token else {}
    answer = calls.read(target, "describe_job_log_items", jobID=job_id, maxResults=limit, **more)
    entries = parse_items(target, "describe_job_log_items", _with_time, answer.get("items"))
    return entries, answer.get("nextToken") or None


def _with_time(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item, "logDateTime": read_time(item, "logDateTime")}


def read_job_log(target: Target, job_id: str) -> JobLog:
    """The whole log of a job, summed up by server; of a log beyond 40 pages, those."""
    entries, token = list[JobLogEntry](), dict[str, str]()
    for _ in range(MAX_LOG_PAGES):
        answer = calls.read(target, "describe_job_log_items", jobID=job_id, maxResults=LOG_ENTRIES_PER_PAGE, **token)
        entries += parse_items(target, "describe_job_log_items", JobLogEntry.from_drs, answer.get("items"))
        if not answer.get("nextToken"):
            return JobLog.from_entries(entries)
        token = {"nextToken": answer["nextToken"]}
    logger.warning("log of a job read in part", extra={"job": job_id, "pages": MAX_LOG_PAGES})
    return JobLog.from_entries(entries)


def list_jobs_since(target: Target, since: str) -> list[Job]:
    """Every job that was created in the target at or after this time, also those that others started."""
    from_date = clock.iso(clock.parse_iso(since) - 60)  # clocks of two services differ a little
    return list(_jobs_since(target, from_date))


def find_recovery_instances(
    target: Target, server_ids: Collection[str], *, with_unnamed: bool = False
) -> list[LaunchedInstance]:
    """The recovery instances of these source servers that DRS knows, also those that others launched.

    Those whose record lacks an id are left out, unless `with_unnamed`.
    """
    ids, parse = sorted(server_ids), LaunchedInstance.from_any if with_unnamed else LaunchedInstance.from_drs
    return [
        instance
        for at in range(0, len(ids), MAX_IDS_PER_DESCRIBE)
        for instance in read_records(
            target,
            "describe_recovery_instances",
            parse,
            filters={"sourceServerIDs": ids[at : at + MAX_IDS_PER_DESCRIBE]},
            maxResults=INSTANCES_PER_PAGE,
        )
    ]


def find_instances_of(
    target: Target, server_ids: Collection[str], wanted: Collection[str] = ()
) -> list[LaunchedInstance]:
    """The recovery instances of these servers, also those whose record lacks an id.

    DRS may leave out of a record which server it is of. If such an instance is live or one of the `wanted`, ask for
    each server alone: what DRS answers then is the server's.
    """
    found = find_recovery_instances(target, server_ids, with_unnamed=True)
    if all(each.server_id or not (each.is_live or each.instance_id in wanted) for each in found):
        return found
    return [
        replace(instance, server_id=instance.server_id or server_id)
        for server_id in sorted(server_ids)
        for instance in find_recovery_instances(target, [server_id], with_unnamed=True)
    ]


def describe_recovery_instances(
    target: Target, instance_ids: Sequence[str] | None = None
) -> tuple[list[LaunchedInstance], int]:
    """The recovery instances with these ids (at most 200) that DRS knows, or all of the target; and how many pages."""
    filters = {} if instance_ids is None else {"recoveryInstanceIDs": list(instance_ids)}
    found, pages = list[LaunchedInstance](), 0
    for items in calls.read_pages(
        target, "describe_recovery_instances", filters=filters, maxResults=INSTANCES_PER_PAGE
    ):
        pages += 1
        found += parse_items(target, "describe_recovery_instances", LaunchedInstance.from_drs, items)
    return found, pages


def get_source_vpcs(target: Target, network_ids: Sequence[str]) -> dict[str, str]:
    """The source VPC of each of these source networks, by network id."""
    ids = sorted(network_ids)
    return dict(
        network
        for at in range(0, len(ids), MAX_NETWORKS_PER_DESCRIBE)
        for network in read_records(
            target,
            "describe_source_networks",
            _read_source_vpc,
            filters={"sourceNetworkIDs": ids[at : at + MAX_NETWORKS_PER_DESCRIBE]},
        )
    )


def _read_source_vpc(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """The ids of a source network and its VPC; None for one without them."""
    network_id, vpc_id = read_text(item, "sourceNetworkID"), read_text(item, "sourceVpcID")
    return (network_id, vpc_id) if network_id and vpc_id else None


def get_jobs(target: Target, job_ids: Sequence[str]) -> dict[str, Job]:
    """The jobs with these ids that DRS still knows, by id."""
    ids = sorted(job_ids)
    jobs = (
        job
        for at in range(0, len(ids), MAX_JOBS_PER_DESCRIBE)
        for job in read_records(
            target, "describe_jobs", Job.from_drs, filters={"jobIDs": ids[at : at + MAX_JOBS_PER_DESCRIBE]}
        )
    )
    return {job.job_id: job for job in jobs}


def describe_job(target: Target, job_id: str) -> Job:
    """Read one job. Raise JobNotVisible when DRS does not show it."""
    answer = calls.read(target, "describe_jobs", filters={"jobIDs": [job_id]})
    for item in answer.get("items") or ():
        if item.get("jobID", job_id) == job_id:
            return Job.from_drs({**item, "jobID": job_id})
    raise JobNotVisible(f"{describe_call('DescribeJobs', target.key)}: there is no job {job_id}")


def list_recent_jobs(target: Target) -> list[Job]:
    """The jobs of the last two days, including those that others started."""
    return list(_jobs_since(target, clock.iso(clock.now() - LIVE_JOBS_SINCE_SECONDS)))


def list_live_jobs(target: Target) -> list[Job]:
    """The jobs that are not yet COMPLETED, including those that others started."""
    return [job for job in list_recent_jobs(target) if not job.is_completed]


def _jobs_since(target: Target, from_date: str) -> Iterator[Job]:
    return read_records(target, "describe_jobs", Job.from_drs, filters={"fromDate": from_date})


def _read_started_job(operation: str, target: Target, answer: Mapping[str, Any]) -> Job:
    """The job that DRS says it started. Without it, the answer counts as lost: a repeated task finds the job."""
    try:
        return Job.from_drs(answer.get("job") or {})
    except ValueError as error:
        raise DrsUnavailable(f"{describe_call(operation, target.key)}: the answer names no job") from error


def find_jobs(batch: Batch) -> list[Job]:
    """The jobs that carry the tags of the batch's attempt, the earliest first; none without an intent on record.

    There is one at most, unless DRS accepted a repeated StartRecovery beside the one that it had not answered.
    """
    if batch.intent_at is None:
        return []
    mine = (batch.ref.key, str(batch.attempt))
    jobs = [job for job in list_jobs_since(batch.ref.target, batch.intent_at) if job.started_by == mine]
    return sorted(jobs, key=lambda job: (clock.parse_iso(job.created_at), job.job_id))


def find_job(batch: Batch) -> Job | None:
    """The earliest job of the batch's attempt; None when there is none, or no intent on record."""
    return next(iter(find_jobs(batch)), None)


def _launch_source(server_id: str, snapshot_id: str | None) -> dict[str, str]:
    return {"sourceServerID": server_id} | ({"recoverySnapshotID": snapshot_id} if snapshot_id else {})


def start_recovery(batch: Batch, mode: Mode) -> Job:
    """Start the job of the batch's attempt.

    StartRecovery has no client token, so the caller records its intent first and never repeats a call that may still be
    at work.
    """
    target = batch.ref.target
    answer = calls.call(
        target,
        "start_recovery",
        sourceServers=[_launch_source(server_id, batch.snapshots.get(server_id)) for server_id in batch.server_ids],
        isDrill=mode is Mode.DRILL,
        tags=job_tags.build_launch_tags(
            batch.ref.execution_id, batch.ref.wave, batch.ref.key, batch.attempt, mode.value
        ),
    )
    return _read_started_job("StartRecovery", target, answer)


def find_termination_job(
    target: Target, started_by: tuple[str, str], server_ids: Collection[str], since: str
) -> Job | None:
    """The job, started at or after `since`, that terminates the instances of a chunk; None if DRS shows none.

    `started_by` has the key and the attempt of the chunk, which are the job's tags once it is tagged.
    """
    return next((job for job in list_jobs_since(target, since) if job.terminates(started_by, server_ids)), None)


def terminate_recovery_instances(target: Target, instance_ids: Sequence[str]) -> Job:
    """Start a job that terminates the instances. Raise DrsRefused if DRS does not know one of them."""
    answer = calls.call(target, "terminate_recovery_instances", recoveryInstanceIDs=list(instance_ids))
    return _read_started_job("TerminateRecoveryInstances", target, answer)


def tag_job(target: Target, job: Job, tags: Mapping[str, str]) -> None:
    """Tag a job after its start, for operations that take no tags."""
    if job.arn:
        calls.call(target, "tag_resource", resourceArn=job.arn, tags=dict(tags))
