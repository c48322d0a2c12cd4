"""The report of a run: what was recovered, how long it took and who decided what, as JSON and as one HTML page.

Pure: facts in, document out. All times are the record's own; what the record does not tell is None, and said to be
unknown, never guessed.
"""

import os
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from scripts import timeline
from scripts.runs import UNFINISHED, Record
from scripts.view import Job, duration, jobs_of

SCHEMA = "drs-waves/report/1"
TEMPLATE = "report.html.j2"

# DRS's default quotas, per account and Region (Service Quotas, L-D88FAC3A and L-05AFA8C6).
JOBS_QUOTA, SERVERS_QUOTA = 20, 500

# A wave that is PARTIAL launched as many of its servers as its plan, or somebody, wants.
_RECOVERED = ("COMPLETED", "PARTIAL")

_VERDICTS = {
    "COMPLETED": ("succeeded", "Every server was launched"),
    "READY": ("succeeded", "Nothing is against a start"),
    "PARTIAL": ("partly", "Recovered in part"),
    "FAILED": ("failed", "Failed"),
    "CANCELLED": ("failed", "Called off"),
    "NOT_READY": ("failed", "Refused before anything was launched"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report is made of.

    `record`, `servers` and `events` are the API's; `instances` are recovery instances of its cache, as far as it has
    them. `costs` may have `drsCalls` (by operation) and `stateTransitions`, `versions` whatever is known.
    """

    record: Record
    servers: Sequence[Mapping[str, Any]] = ()
    events: Sequence[Mapping[str, Any]] = ()
    instances: Sequence[Mapping[str, Any]] = ()
    costs: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    speed: float | None = None


def document(facts: Facts) -> dict[str, Any]:
    """The report as JSON: plain values, times in ISO 8601 and durations in seconds."""
    record = facts.record
    end = _until(record)
    jobs = sorted(jobs_of(record), key=lambda job: (job.started_at or "", job.job_id or ""))
    servers = _servers(facts)
    return {
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
        "verdict": _verdict(record),
        "servers": dict(record["servers"]),
        "rto": _rto(record),
        "rpo": _rpo(record, servers),
        "notes": list(record.get("notes", ())),
        "waves": [dict(wave) for wave in record["waves"]],
        "jobs": [_job(job) for job in jobs],
        "waits": [_wait(wait) for wait in waits(record)],
        "decisions": [dict(decision) for decision in record["decisions"]],
        "events": [dict(event) for event in facts.events],
        "quotaUse": list(_quota_use(jobs, end)),
        "costs": dict(facts.costs),
        "versions": dict(facts.versions),
        "sourceServers": servers,
    }


def _until(record: Record) -> str:
    """When the run ended, or how far its clock was when it was read."""
    if record["endedAt"]:
        return str(record["endedAt"])
    begin = _moment(record["requestedAt"])
    return _iso(begin + timedelta(seconds=record.get("durationSeconds") or 0))


def _verdict(record: Record) -> dict[str, Any]:
    outcome, words = _VERDICTS.get(record["status"], ("running", "Still running"))
    return {"status": record["status"], "outcome": outcome, "words": words, "reason": record["reason"]}


# --- RTO and RPO ------------------------------------------------------------------------------------------------
def _rto(record: Record) -> dict[str, Any]:
    """Measured against target, whole and by wave. `met` is None where there is no target, or no answer yet."""
    waves = [
        {
            "wave": wave["name"],
            "status": wave["status"],
            **_against(
                wave["durationSeconds"],
                wave.get("rtoTargetMinutes"),
                is_over=wave["endedAt"] is not None,
                is_recovered=wave["status"] in _RECOVERED,
            ),
        }
        for wave in record["waves"]
    ]
    is_over = record["status"] not in UNFINISHED
    whole = _against(
        record["durationSeconds"],
        None if record["mode"] == "READINESS" else record.get("rtoTargetMinutes"),
        is_over=is_over,
        is_recovered=record["status"] in _RECOVERED and all(wave["status"] in _RECOVERED for wave in record["waves"]),
    )
    waited = sum((_moment(wait.until) - _moment(wait.since)).total_seconds() for wait in waits(record))
    return {"whole": whole, "waves": waves, "waitedForPeopleSeconds": round(waited)}


def _against(seconds: int | None, target: int | None, *, is_over: bool, is_recovered: bool) -> dict[str, Any]:
    met: bool | None = None
    if target is not None:
        if is_over:
            met = is_recovered and seconds is not None and seconds <= target * 60
        elif seconds is not None and seconds > target * 60:
            met = False
    return {"seconds": seconds, "targetMinutes": target, "met": met}


def _rpo(record: Record, servers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    target = record.get("rpoTargetMinutes")
    launched = [server for server in servers if server["status"] == "LAUNCHED"]
    ages = [server["rpoSeconds"] for server in launched if server["rpoSeconds"] is not None]
    missed = sum(server["rpoMet"] is False for server in launched)
    unknown = len(launched) - len(ages)
    return {
        "targetMinutes": target,
        "measuredFrom": "pointInTime" if record.get("pointInTime") else "requestedAt",
        "known": len(ages),
        "unknown": unknown,
        "worstSeconds": max(ages, default=None),
        "medianSeconds": round(statistics.median(ages)) if ages else None,
        "missed": missed,
        "met": False if missed else None if target is None or unknown or not ages else True,
    }


def _servers(facts: Facts) -> list[dict[str, Any]]:
    """Each server with the age of the data it was launched from, those that came to nothing first."""
    record = facts.record
    snapshots = {
        (each["sourceServerId"], each["recoveryInstanceId"]): each.get("pointInTimeSnapshotAt")
        for each in facts.instances
    }
    wanted = record.get("pointInTime") or record["requestedAt"]
    order = {wave["name"]: number for number, wave in enumerate(record["waves"])}
    found = []
    for server in facts.servers:
        cached = snapshots.get((server["sourceServerId"], server.get("recoveryInstanceId")))
        snapshot_at = cached or server.get("snapshotAt")
        age = round((_moment(wanted) - _moment(snapshot_at)).total_seconds()) if snapshot_at else None
        age = None if age is None else max(age, 0)  # one taken while the run was on its way lost nothing
        target = record.get("rpoTargetMinutes")
        met = None if age is None or target is None else age <= target * 60
        told = {"snapshotAt": snapshot_at, "rpoSeconds": age, "rpoMet": met}
        found.append({**server, **told})
    return sorted(
        found, key=lambda each: (order.get(each["wave"], len(order)), each["hostname"] or "", each["sourceServerId"])
    )


# --- waits and jobs ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wait:
    """A time in which nothing went on because people were waited for; `wave` is None for the whole run."""

    wave: str | None
    what: str
    since: str
    until: str
    is_open: bool


def waits(record: Record) -> list[Wait]:
    """Every wait for people, told from who decided what and what the run waits for now.

    The record keeps when a decision was made. What it waited since is when the wave could have begun (the request, or
    the end of the last wave it depends on), when its last job had ended, or when the run was paused.
    """
    end = _until(record)
    found = []
    paused_at: str | None = None
    for decision in record["decisions"]:
        word, wave, at = decision["decision"], decision["wave"], decision["at"]
        if word == "pause":
            paused_at = at
        elif word in ("resume", "cancel") and paused_at and wave is None:
            found.append(Wait(None, "resume", paused_at, at, is_open=False))
            paused_at = None
        elif word in ("approve", "reject"):
            found.append(Wait(wave, "approval", _could_begin(record, wave), at, is_open=False))
        elif word == "resume" and wave is not None:
            found.append(Wait(wave, "resume", _could_begin(record, wave), at, is_open=False))
        elif word in ("retry", "accept", "abort"):
            found.append(Wait(wave, "decision", _last_job_end(record, wave, at), at, is_open=False))
    found += [
        Wait(wait["wave"], wait["for"].lower(), wait["since"] or record["requestedAt"], end, is_open=True)
        for wait in record["waitingFor"]
    ]
    # A decision of long ago may be older than what its wave seems to have waited since.
    kept = [wait for wait in found if wait.since <= wait.until]
    return sorted(kept, key=lambda wait: (wait.since, wait.wave or ""))


def _could_begin(record: Record, name: str) -> str:
    waves = {wave["name"]: wave for wave in record["waves"]}
    ends = [waves[each]["endedAt"] for each in waves[name]["dependsOn"] if each in waves] if name in waves else []
    return max((end for end in ends if end), default=str(record["requestedAt"]))


def _last_job_end(record: Record, wave: str, before: str) -> str:
    ends = [job.ended_at for job in jobs_of(record) if job.wave == wave and job.ended_at and job.ended_at <= before]
    return max(ends, default=_could_begin(record, wave))


def _wait(wait: Wait) -> dict[str, Any]:
    lasted = (_moment(wait.until) - _moment(wait.since)).total_seconds()
    return {
        "wave": wait.wave,
        "for": wait.what,
        "since": wait.since,
        "until": None if wait.is_open else wait.until,
        "seconds": round(lasted),
    }


def _job(job: Job) -> dict[str, Any]:
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
    """For each target, how many jobs of this run were on and with how many servers, after each change."""
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
        jobs_on = servers_on = 0
        steps = list[dict[str, Any]]()
        for at, (jobs_change, servers_change) in sorted(by_time.items()):
            jobs_on, servers_on = jobs_on + jobs_change, servers_on + servers_change
            steps.append({"at": at, "jobs": jobs_on, "servers": servers_on})
        yield {
            "accountId": account_id,
            "region": region,
            "mostJobs": max(step["jobs"] for step in steps),
            "mostServers": max(step["servers"] for step in steps),
            "until": end,
            "steps": steps,
        }


# --- the page ---------------------------------------------------------------------------------------------------
def to_html(report: Mapping[str, Any]) -> str:
    """The document as one page that needs nothing else."""
    by_wave: dict[str, list[Mapping[str, Any]]] = {wave["name"]: [] for wave in report["waves"]}
    for server in report["sourceServers"]:
        by_wave.setdefault(server["wave"], []).append(server)
    not_launched = [
        each
        for each in report["sourceServers"]
        if each["status"] not in ("LAUNCHED", "PENDING", "LAUNCHING") and report["mode"] != "READINESS"
    ]
    return _template().render(
        r=report,
        chart=timeline.chart(report),
        quotas=[timeline.quota_chart(use, report, JOBS_QUOTA, SERVERS_QUOTA) for use in report["quotaUse"]],
        servers_by_wave=by_wave,
        not_launched=not_launched,
        warned=[each for each in report["sourceServers"] if each.get("warnings")],
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(duration=_lasted, moment=_said, clock=_clock, plural=_plural)
    return environment.get_template(TEMPLATE)


def _lasted(seconds: float | None) -> str:
    return duration(seconds) if seconds is not None else "unknown"


def _said(moment: str | None) -> str:
    """`2026-11-22 08:15:30 UTC`."""
    return f"{_moment(moment):%Y-%m-%d %H:%M:%S} UTC" if moment else "unknown"


def _clock(moment: str | None) -> str:
    return f"{_moment(moment):%H:%M:%S}" if moment else "–"


def _plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def write(text: str, path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
