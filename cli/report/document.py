"""The report of a run as a JSON document: its verdict, times against targets, servers, jobs and decisions.

Times are in ISO 8601 and durations in seconds.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.report import files
from cli.report.evidence import describe_group, describe_plan, describe_tested, find_members, order_groups
from cli.report.outages import find_outages
from cli.report.times import end_of, seconds_between
from cli.report.waits import find_waits, total_seconds
from cli.run_record import UNFINISHED, Job, Record, list_jobs
from recovery import VERSION
from recovery.identities import find_same_person

SCHEMA = "drs-waves/report/4"

# A PARTIAL wave counts as recovered: the plan or an operator accepted its result.
_RECOVERED = ("COMPLETED", "PARTIAL")

_VERDICTS = {
    "COMPLETED": ("succeeded", "Every server was launched"),
    "READY": ("succeeded", "Nothing prevents a start"),
    "PARTIAL": ("partly", "Recovered in part"),
    "FAILED": ("failed", "Failed"),
    "CANCELLED": ("failed", "Cancelled"),
    "NOT_READY": ("failed", "Refused before anything was launched"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report is made from.

    `record`, `servers` and `events` come from the API, `instances` from its cache of recovery instances, as far as it
    knows them, and None if that does not answer. `plan` and `groups` are as the run used them, `cleanup` is that of a
    drill. `costs` may have `drsCalls` (by operation) and `stateTransitions`.
    """

    record: Record
    servers: Sequence[Mapping[str, Any]] = ()
    events: Sequence[Mapping[str, Any]] = ()
    instances: Sequence[Mapping[str, Any]] | None = ()
    costs: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    speed: float | None = None
    groups: Sequence[Mapping[str, Any]] = ()
    cleanup: Mapping[str, Any] | None = None
    plan: Mapping[str, Any] | None = None


def build_document(facts: Facts) -> dict[str, Any]:
    """The report of these facts."""
    record = facts.record
    end = end_of(record)
    jobs = sorted(list_jobs(record), key=lambda job: (job.started_at or "", job.job_id or ""))
    servers = _servers(facts, {job.job_id: job.attempt for job in jobs})
    tested = describe_tested(facts.plan, facts.groups, servers)
    members = find_members(servers)
    document = {
        "schema": SCHEMA,
        "executionId": record["executionId"],
        "executionArn": record.get("executionArn"),
        "planId": record["planId"],
        "planName": record["planName"],
        "mode": record["mode"],
        "requestedAt": record["requestedAt"],
        "requestedBy": record["requestedBy"],
        "startedAt": record["startedAt"],
        "endedAt": record["endedAt"],
        "asOf": end,
        "timeScale": facts.speed,
        "pointInTime": record.get("pointInTime"),
        "continues": record.get("continues"),
        "continuedBy": record.get("continuedBy"),
        "chain": _chain_item(record),
        "verdict": _verdict(record),
        "servers": dict(record["servers"]),
        "rto": _rto(record),
        "rpo": _rpo(record, servers),
        "notes": list(record.get("notes", ())),
        "waves": [dict(wave) for wave in record["waves"]],
        "plan": describe_plan(facts.plan, tested),
        "tested": tested,
        "groups": [
            describe_group(group, members.get(group["groupId"], [])) for group in order_groups(facts.plan, facts.groups)
        ],
        "cleanup": _cleanup_item(facts),
        "jobs": [_job_item(job) for job in jobs],
        "outages": find_outages(record),
        "waits": [wait.to_item() for wait in find_waits(record)],
        "fourEyes": bool(record.get("fourEyes", False)),
        "decisions": [_decision_item(decision, record) for decision in record["decisions"]],
        "events": [dict(event) for event in facts.events],
        "quotaUse": list(_quota_use(jobs, end)),
        "costs": dict(facts.costs),
        "versions": {"command": VERSION, **facts.versions},
        "sourceServers": servers,
    }
    return {**document, "files": {files.CSV_FILE: files.digest(files.write_csv(document))}}


def _chain_item(record: Record) -> dict[str, Any] | None:
    """The runs that continue one another, oldest first, counted as one; None for a run that stands alone."""
    chain = record.get("chain")
    return dict(chain) if chain and len(chain["executions"]) > 1 else None


def _decision_item(decision: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """A decision. `bySamePerson` says of an approval or acceptance whether its author may have started the run."""
    is_consent = decision["decision"] in ("approve", "accept") and decision["by"] != "the plan"
    requesters = record.get("requesters") or [record["requestedBy"]]
    same = is_consent and find_same_person(decision["by"], requesters) is not None
    return {**decision, "bySamePerson": same}


def _verdict(record: Record) -> dict[str, Any]:
    outcome, words = _VERDICTS.get(record["status"], ("running", "Still running"))
    return {"status": record["status"], "outcome": outcome, "words": words, "reason": record["reason"]}


# --- RTO and RPO ------------------------------------------------------------------------------------------------
def _rto(record: Record) -> dict[str, Any]:
    """Recovery times against targets. `met` is None without a target, or while the answer is open."""
    waves = [
        {
            "wave": wave["name"],
            "status": wave["status"],
            **_against_target(
                wave["durationSeconds"],
                wave.get("rtoTargetMinutes"),
                is_over=wave["endedAt"] is not None,
                is_recovered=wave["status"] in _RECOVERED,
            ),
        }
        for wave in record["waves"]
    ]
    whole = _against_target(
        record["durationSeconds"],
        None if record["mode"] == "READINESS" else record.get("rtoTargetMinutes"),
        is_over=record["status"] not in UNFINISHED,
        is_recovered=_has_recovered(record),
    )
    waited = round(total_seconds(find_waits(record)))
    return {"whole": whole, "chain": _rto_of_chain(record, whole), "waves": waves, "waitedForPeopleSeconds": waited}


def _rto_of_chain(record: Record, whole: Mapping[str, Any]) -> dict[str, Any] | None:
    """The time since the first request of the chain, against the plan's target; None for a run that stands alone.

    The servers are back when the last run of the chain has recovered what was left. Only its own report knows that of
    a run that is PARTIAL.
    """
    chain = _chain_item(record)
    if chain is None:
        return None
    last = chain["executions"][-1]
    is_this = last["executionId"] == record["executionId"]
    seconds, target = chain["durationSeconds"], whole["targetMinutes"]
    is_recovered = last["status"] in _RECOVERED and (not is_this or _has_recovered(record))
    found = _against_target(seconds, target, is_over=chain["endedAt"] is not None, is_recovered=is_recovered)
    is_known = is_this or last["status"] != "PARTIAL" or found["met"] is False
    return found if is_known else {**found, "met": None}


def _has_recovered(record: Record) -> bool:
    return record["status"] in _RECOVERED and all(wave["status"] in _RECOVERED for wave in record["waves"])


def _against_target(seconds: int | None, target: int | None, *, is_over: bool, is_recovered: bool) -> dict[str, Any]:
    met: bool | None = None
    if target is not None:
        if is_over:
            met = is_recovered and seconds is not None and seconds <= target * 60
        elif seconds is not None and seconds > target * 60:
            met = False
    return {"seconds": seconds, "targetMinutes": target, "met": met}


def _rpo(record: Record, servers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The age of the data of launched servers, against the target.

    A server that the run has not recovered when it ends has missed the target, unless it is optional. `metVacuously`:
    all data is newer than the request, because every source still replicated, so the target was not put to a test.
    """
    target = record.get("rpoTargetMinutes")
    launched = [server for server in servers if server["status"] == "LAUNCHED"]
    ages = [server["rpoSeconds"] for server in launched if server["rpoSeconds"] is not None]
    missed = sum(server["rpoMet"] is False for server in launched)
    unknown = len(launched) - len(ages)
    newer = sum(server["newerThanRequest"] for server in launched)
    unrecovered = _count_unrecovered(record, servers)
    met: bool | None = None
    if target is not None:
        met = False if missed or unrecovered else None if unknown or not ages else True
    return {
        "targetMinutes": target,
        "measuredFrom": "pointInTime" if record.get("pointInTime") else "requestedAt",
        "known": len(ages),
        "unknown": unknown,
        "newerThanRequest": newer,
        "unrecovered": unrecovered,
        "worstSeconds": max(ages, default=None),
        "medianSeconds": round(statistics.median(ages)) if ages else None,
        "missed": missed,
        "met": met,
        "metVacuously": bool(met) and newer == len(launched),
    }


def _count_unrecovered(record: Record, servers: Sequence[Mapping[str, Any]]) -> int:
    """The servers that a run which has ended did not launch, without those that its plan calls optional."""
    if record["status"] in UNFINISHED or record["mode"] == "READINESS":
        return 0
    return sum(server["status"] != "LAUNCHED" and not server["optional"] for server in servers)


def _servers(facts: Facts, attempt_of: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each server with the age of its data and its number of attempts, in the order of waves, then of host names.

    `attempt_of` has the attempt of each job.
    """
    record = facts.record
    snapshots = {
        (each["sourceServerId"], each["recoveryInstanceId"]): each.get("pointInTimeSnapshotAt")
        for each in facts.instances or ()
    }
    order = {wave["name"]: number for number, wave in enumerate(record["waves"])}
    servers = []
    for server in facts.servers:
        cached = snapshots.get((server["sourceServerId"], server.get("recoveryInstanceId")))
        data_at = server.get("dataAt") or cached or server.get("snapshotAt")
        attempts = attempt_of.get(server.get("jobId") or "", 0)
        servers.append({**server, **_data_age(record, server, data_at), "attempts": attempts})
    return sorted(
        servers, key=lambda each: (order.get(each["wave"], len(order)), each["hostname"] or "", each["sourceServerId"])
    )


def _data_age(record: Record, server: Mapping[str, Any], data_at: str | None) -> dict[str, Any]:
    """How old the launched data was when the run was requested, or at the point in time that it recovers.

    While its source replicates, DRS launches a server from a snapshot that it takes after the request. That data is
    newer than the request. What a failure of the source would have cost is then the lag of the replica, which the run
    read when it inspected the server.
    """
    moment, target = record.get("pointInTime"), record.get("rpoTargetMinutes")
    age: float | None = None
    is_newer = False
    if data_at:
        age = seconds_between(data_at, moment or record["requestedAt"])
        is_newer = age < 0
        if is_newer:
            age = None if moment else server.get("lagSeconds")
    return {
        "snapshotAt": data_at,
        "newerThanRequest": is_newer,
        "rpoSeconds": None if age is None else round(age),
        "rpoMet": None if age is None or target is None else age <= target * 60,
    }


# --- clean-up ---------------------------------------------------------------------------------------------------
def _cleanup_item(facts: Facts) -> dict[str, Any] | None:
    """The clean-up, without its jobs. `running` is how many instances of this run the cache has, None if unknown."""
    if facts.cleanup is None:
        return None
    names = ("status", "askedAt", "askedBy", "endedAt", "reason", "executions", "instances", "failures")
    hosts = {server["sourceServerId"]: server["hostname"] for server in facts.servers}
    of_failure = ("sourceServerId", "recoveryInstanceId", "accountId", "region", "reason")
    failures = [
        {"hostname": hosts.get(each["sourceServerId"]), **{name: each[name] for name in of_failure}}
        for each in facts.cleanup.get("failures") or ()
    ]
    found = {name: facts.cleanup.get(name) for name in names}
    return {**found, "failures": failures, "running": None if facts.instances is None else len(facts.instances)}


# --- jobs -------------------------------------------------------------------------------------------------------
def _job_item(job: Job) -> dict[str, Any]:
    account_id, region = job.target
    return {
        "jobId": job.job_id,
        "wave": job.wave,
        "accountId": account_id,
        "region": region,
        "batch": job.batch,
        "attempt": job.attempt,
        "servers": job.servers,
        "startedAt": job.started_at,
        "endedAt": job.ended_at,
        "launched": job.launched,
        "failed": job.failed,
    }


def _quota_use(jobs: Iterable[Job], end: str) -> Iterator[dict[str, Any]]:
    """For each target, the number of running jobs and of servers in them after each change."""
    changes: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for job in jobs:
        if job.started_at is None:
            continue
        for at, sign in ((job.started_at, 1), (job.ended_at, -1)):
            if at is not None:
                change = changes[job.target][at]
                change[0] += sign
                change[1] += sign * job.servers
    for (account_id, region), by_time in sorted(changes.items()):
        running_jobs = running_servers = 0
        steps = list[dict[str, Any]]()
        for at, (jobs_change, servers_change) in sorted(by_time.items()):
            running_jobs, running_servers = running_jobs + jobs_change, running_servers + servers_change
            steps.append({"at": at, "jobs": running_jobs, "servers": running_servers})
        yield {
            "accountId": account_id,
            "region": region,
            "mostJobs": max(step["jobs"] for step in steps),
            "mostServers": max(step["servers"] for step in steps),
            "until": end,
            "steps": steps,
        }
