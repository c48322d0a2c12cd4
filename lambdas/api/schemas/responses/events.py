"""The events of a run, from its record, and DRS's log of a job, as the API shows them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time
from api.schemas.responses.decisions import collect_decisions
from api.schemas.responses.steps.of_runs import list_events
from recovery.domain.batch import BatchStatus
from recovery.domain.isolation.verdicts import Answer, Place
from recovery.domain.target import Target
from recovery.store.execution_record import ExecutionRecord
from recovery.store.launches.findings import Look, TargetFindings


class Event(TypedDict):
    """An event of a run."""

    at: Time
    event: str
    wave: str | None
    text: str


class Events(Paged):
    """A page of the events of a run, oldest first."""

    events: list[Event]


class JobLogItem(TypedDict):
    """An entry of DRS's log of a job."""

    event: NotRequired[str | None]
    logDateTime: NotRequired[Time | None]
    eventData: NotRequired[
        Annotated[dict[str, Any] | None, Field(description="As DRS returns it; see DescribeJobLogItems.")]
    ]


class JobLog(Paged):
    """A page of the log of a job."""

    jobLog: list[JobLogItem]


def collect_events(
    record: ExecutionRecord, findings: Iterable[TargetFindings] = (), looks: Iterable[Look] = ()
) -> list[Event]:
    """Every event that the record shows, and what the inspection and the looks before starts found; oldest first."""
    meta, events = record.meta, list[Event]()

    def add(at: str | None, event: str, text: str, wave: str | None = None) -> None:
        if at:
            events.append({"at": at, "event": event, "wave": wave, "text": text})

    consent = ", who agreed to replace live recovery instances" if meta.get("replaceExisting") else ""
    add(meta["requestedAt"], "REQUESTED", f"{meta['mode']} of {meta['planName']} by {meta['requestedBy']}{consent}")
    add(meta.get("startedAt"), "FIRST_JOB_STARTED", "the first job was started")
    add(meta.get("overdueAt"), "RUN_OVERDUE", "the run is past its RTO target")
    for decision in collect_decisions(record):
        comment = f": {decision['comment']}" if decision["comment"] else ""
        about = f" action {decision['action']}" if "action" in decision else ""
        text = f"{decision['decision']}{about} by {decision['by']}{comment}"
        add(decision["at"], "DECISION", text, decision["wave"])
    for row in record.waves:
        add(row.get("startedAt"), "WAVE_STARTED", f"wave {row['wave']} started", row["wave"])
        add(row.get("endedAt"), f"WAVE_{row['status']}", row.get("reason", ""), row["wave"])
        add(row.get("overdueAt"), "WAVE_OVERDUE", f"wave {row['wave']} is past its RTO target", row["wave"])
        for verdict in row.get("earlierVerdicts", ()):
            replaced = f"no longer {verdict['status']}: {verdict['reason']}"
            add(verdict["replacedAt"], "WAVE_CORRECTED", replaced, row["wave"])
    for row in record.batches:
        _add_batch(row, add)
    for found in findings:
        for verdict in found.isolation:
            add(found.found_at, *_describe_isolation(found.target, verdict))
    for look in looks:
        when = f" before the start of batch {look.ref.number} of wave {look.ref.wave}"
        for verdict in look.isolation:
            add(look.at, *_describe_isolation(look.ref.target, verdict, when), look.ref.wave)
    for step in list_events(record.checks, record.actions):
        add(*step)
    add(meta.get("endedAt"), meta["status"], meta.get("reason", ""))
    return sorted(events, key=lambda event: event["at"])


def _add_batch(row: Mapping[str, Any], add: Callable[..., None]) -> None:
    """Add the events of a batch: its jobs, and how long DRS kept it waiting."""
    batch = f"batch {row['batch']} in {row['accountId']}/{row['region']}"
    for job in row.get("jobs", ()):
        attempt = f"{job['jobId']} for {batch}, attempt {job['attempt']}"
        add(job["startedAt"], "JOB_STARTED", attempt, row["wave"])
        outcome = f"{job['launched']} launched, {job['failed']} failed"
        add(job.get("endedAt"), "JOB_ENDED", f"{attempt}: {outcome}", row["wave"])
    outages = list(row.get("outages", ()))
    if row.get("outageSince"):
        outages.append({"since": row["outageSince"], "reason": row["outageReason"]})
    for outage in outages:
        add(outage["since"], "DRS_WAIT_BEGAN", f"DRS keeps {batch} waiting: {outage['reason']}", row["wave"])
        add(outage.get("until"), "DRS_WAIT_ENDED", f"DRS no longer keeps {batch} waiting", row["wave"])
    for job in row.get("overdueJobs", ()):
        add(job["at"], "JOB_OVERDUE", f"{job['jobId']} for {batch} takes far longer than usual", row["wave"])
    if row["status"] == BatchStatus.LAUNCHING:
        add(row.get("jobStartedAt"), "JOB_STARTED", f"{row.get('jobId')} for {batch} runs", row["wave"])


def _describe_isolation(target: Target, verdict: Mapping[str, Any], when: str = "") -> tuple[str, str]:
    """The name and the text of the event of a verdict on a subnet, with the security groups of servers in it.

    `when` says before which start it was given, with a space in front.
    """
    answer = Answer(verdict["isolated"])
    is_isolated = "are isolated" if answer is Answer.YES else "are not isolated"
    event = "NETWORKS_ISOLATED" if answer is Answer.YES else "NETWORKS_NOT_ISOLATED"
    if answer is Answer.UNKNOWN:
        is_isolated = "are not proven to be isolated"
    place = Place(verdict["subnetId"], tuple(verdict["securityGroups"]))
    return event, f"networks of {target.key} {is_isolated}{when}: {place}: {'; '.join(verdict['because'])}"
