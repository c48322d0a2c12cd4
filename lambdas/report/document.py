"""The report of a run as a JSON document: its verdict, times against targets, servers, jobs and decisions.

Times are in ISO 8601 and durations in seconds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recovery import VERSION
from recovery.identities import find_same_person
from report import files
from report.as_run import describe_group, describe_plan, describe_tested, find_members, order_groups
from report.assessment.describe import describe_assessment
from report.course import describe_course, sort_jobs
from report.launches import MODES, add_landings, describe_launches, describe_settings, find_settings
from report.run_record import Job, Record
from report.steps import list_checks, note_earlier
from report.targets import find_chain, find_moment, judge_rpo, judge_rpo_of_chain, judge_rto, measure_data

SCHEMA = "drs-waves/report/5"

# The decisions that let a run go on past a gate of its plan, or without an action.
_OF_ANOTHER_PERSON = ("approve", "accept", "confirm", "skip")

_VERDICTS = {
    "COMPLETED": ("succeeded", "Every server was launched"),
    "READY": ("succeeded", "Nothing prevents a start"),
    "PARTIAL": ("partly", "Recovered in part"),
    "FAILED": ("failed", "Failed"),
    "CANCELLED": ("failed", "Cancelled"),
    "NOT_READY": ("failed", "Refused before anything was launched"),
}

# Where an open run is. Statuses are here for an API that does not give states yet.
_STATES = {
    "STARTING": "starting",
    "RUNNING": "running",
    "WAITING_FOR_PEOPLE": "waiting for people",
    "PAUSED": "paused",
    "CANCELLING": "cancelling",
    "PENDING": "starting",
    "POLLING": "running",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report is made from.

    `record`, `servers` and `events` come from the API, `instances` from its cache of recovery instances, as far as it
    knows them, and None if that does not answer. `plan` and `groups` are as the run used them, `cleanup` is that of a
    drill. `costs` may have `drsCalls` (by operation) and `stateTransitions`. `earlier` has the servers of the other
    runs of the chain, oldest run first; None if they cannot be read. `actions` are those of the run, with their output.
    `settings` are the launch settings of its servers with a launch profile, and `isolation` says how far the places
    that it launches into are isolated; None if the API does not know. `looks` says the same of the looks before starts.
    `assessment` is that of a drill or a recovery; None if the API does not know it.
    `made_at` is when the facts were read, in ISO 8601, by the clock of the deployment.
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
    earlier: Sequence[Mapping[str, Any]] | None = ()
    is_sandbox: bool = False
    made_at: str | None = None
    actions: Sequence[Mapping[str, Any]] = ()
    settings: Sequence[Mapping[str, Any]] | None = ()
    isolation: Sequence[Mapping[str, Any]] | None = ()
    looks: Sequence[Mapping[str, Any]] = ()
    assessment: Mapping[str, Any] | None = None


def build_document(facts: Facts) -> dict[str, Any]:
    """The report of these facts."""
    record = facts.record
    jobs, course = sort_jobs(record), describe_course(record, facts.actions)
    end = course["asOf"]
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
        "madeAt": facts.made_at,
        "environment": "sandbox" if facts.is_sandbox else "aws",
        "timeScale": facts.speed,
        "pointInTime": record.get("pointInTime"),
        "continues": record.get("continues"),
        "continuedBy": record.get("continuedBy"),
        "chain": find_chain(record),
        "verdict": _verdict(record),
        "assessment": describe_assessment(record, facts.assessment),
        "servers": _counts(record, facts.servers),
        "rto": judge_rto(record, servers),
        "rpo": {**judge_rpo(record, servers), "chain": judge_rpo_of_chain(record, servers, facts.earlier)},
        "notes": list(record.get("notes", ())),
        "waves": course["waves"],
        "actionsOption": record.get("actionsOption", "run"),
        "checks": note_earlier(record, list_checks(servers)),
        "actions": course["actions"],
        "plan": describe_plan(facts.plan, tested),
        "tested": tested,
        "groups": [
            describe_group(group, members.get(group["groupId"], [])) for group in order_groups(facts.plan, facts.groups)
        ],
        "launches": describe_launches(record, facts.groups, servers, facts.isolation, facts.looks),
        "cleanup": _cleanup_item(facts),
        "jobs": course["jobs"],
        "outages": course["outages"],
        "waits": course["waits"],
        "fourEyes": bool(record.get("fourEyes", False)),
        "decisions": [_decision_item(decision, record) for decision in record["decisions"]],
        "events": [dict(event) for event in facts.events],
        "quotaUse": list(_quota_use(jobs, end)),
        "costs": dict(facts.costs),
        "versions": {"command": VERSION, **facts.versions},
        "sourceServers": servers,
    }
    return {**document, "files": {files.CSV_FILE: files.digest(files.write_csv(document))}}


def _counts(record: Record, servers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The servers by outcome. The counts beside `total` add up to it."""
    counts = {**record["servers"], "launching": record["servers"].get("launching", 0)}
    statuses = Counter(server["status"] for server in servers)
    more = {"skipped": statuses["SKIPPED"], "checked": statuses["CHECKED"]}
    told = sum(counts[name] for name in ("launched", "failed", "excluded", "launching"))
    return {**counts, **more, "pending": max(counts["total"] - told - sum(more.values()), 0)}


def _decision_item(decision: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """A decision. `bySamePerson` says of those that `fourEyes` is about whether the author may have started the run.

    It is None for other decisions and for those of the plan, of which that is no question.
    """
    if decision["decision"] not in _OF_ANOTHER_PERSON or decision["by"] == "the plan":
        return {**decision, "bySamePerson": None}
    requesters = record.get("requesters") or [record["requestedBy"]]
    return {**decision, "bySamePerson": find_same_person(decision["by"], requesters) is not None}


def _verdict(record: Record) -> dict[str, Any]:
    """How the run ended or, while it is open, where it is: `state` as the API has it, and in words."""
    state = record.get("state") or record["status"]
    outcome, words = _VERDICTS.get(record["status"], ("running", _STATES.get(state, "still on")))
    if record["status"] == "COMPLETED" and record["servers"].get("verified") == record["servers"]["total"]:
        words = "Every server was launched and verified"
    return {
        "status": record["status"],
        "state": state,
        "outcome": outcome,
        "words": words,
        "reason": record["reason"],
    }


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
    target, is_past = record.get("rpoTargetMinutes"), bool(record.get("pointInTime"))
    servers, settings, mode = [], find_settings(facts.settings), MODES.get(record["mode"], "")
    for server in facts.servers:
        cached = snapshots.get((server["sourceServerId"], server.get("recoveryInstanceId")))
        data_at = server.get("dataAt") or cached or server.get("snapshotAt")
        attempts = attempt_of.get(server.get("jobId") or "", 0)
        data = measure_data(server, data_at, find_moment(record), target, is_past=is_past)
        launched = describe_settings(server, settings, facts.groups, mode)
        servers.append({"verification": None, **server, **data, "attempts": attempts, "launchSettings": launched})
    add_landings(servers, facts.instances, facts.groups, facts.isolation, mode)
    return sorted(
        servers, key=lambda each: (order.get(each["wave"], len(order)), each["hostname"] or "", each["sourceServerId"])
    )


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
