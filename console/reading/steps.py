"""What the waves of a run do besides launching servers, and their jobs and findings, as rows of pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.api_client import ApiClient
from cli.listings.cells import show_awaited
from recovery.wording import name_place
from report.networks.isolation import merge_looks
from report.run_record import Job, Record, list_jobs
from report.times import seconds_between

SEVERITIES = ("BLOCKING", "WARNING", "NOTE")


# --- actions and checks -----------------------------------------------------------------------------------------
def list_actions(actions: Sequence[Mapping[str, Any]], record: Record) -> list[dict[str, Any]]:
    """The actions of the API with their `where`, what they wait for as `awaited`, and their `decisions` and events."""
    return [
        {
            **action,
            "where": name_place(action["place"], action["wave"]),
            "awaited": show_awaited(action["waitingFor"]) if action["waitingFor"] else None,
            "seconds": _span(action["startedAt"], action["endedAt"]),
            "decisions": [each for each in record["decisions"] if _is_about(each, action)],
        }
        for action in actions
    ]


def _is_about(decision: Mapping[str, Any], action: Mapping[str, Any]) -> bool:
    return decision.get("action") == action["name"] and decision["wave"] in (None, action["wave"])


def _span(begin: str | None, end: str | None) -> float | None:
    return seconds_between(begin, end) if begin and end else None


def list_checked_waves(record: Record) -> list[dict[str, Any]]:
    """The waves whose servers have checks, with `decisions` about them."""
    return [
        {**wave, "decisions": [each for each in record["decisions"] if each["wave"] == wave["name"]]}
        for wave in record["waves"]
        if wave.get("checks")
    ]


# --- jobs -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of a run, with its jobs, the last one first, and when DRS kept it waiting."""

    batch: Mapping[str, Any]
    jobs: tuple[Job, ...]
    outages: tuple[Mapping[str, Any], ...]

    @property
    def launched(self) -> int:
        """The servers that all attempts have launched."""
        return sum(job.launched or 0 for job in self.jobs)

    @property
    def failed(self) -> int:
        """The servers that the last attempt has not launched; 0 while one runs, because it launches them again."""
        return (self.jobs[0].failed or 0) if self.jobs else 0


def list_batches(record: Record, wave: str = "") -> list[BatchRow]:
    """The batches of the run, or of a wave: those that run, those that wait, those that have ended.

    Batches of waves that have not started come last.
    """
    jobs: dict[tuple[str, tuple[str, str], int], list[Job]] = {}
    for job in list_jobs(record):
        jobs.setdefault((job.wave, job.target, job.batch), []).append(job)
    order = {each["name"]: place for place, each in enumerate(record["waves"])}
    begun = {each["name"] for each in record["waves"] if each["startedAt"]}
    rows = [
        BatchRow(
            batch,
            tuple(reversed(jobs.get((batch["wave"], (batch["accountId"], batch["region"]), batch["batch"]), ()))),
            tuple(reversed(batch.get("outages") or ())),
        )
        for batch in record["batches"]
        if not wave or batch["wave"] == wave
    ]

    def place(row: BatchRow) -> tuple[Any, ...]:
        batch = row.batch
        if batch["endedAt"]:
            state = 2
        elif batch["status"] == "LAUNCHING":
            state = 0
        else:
            state = 1 if batch["wave"] in begun else 3
        return state, order.get(batch["wave"], len(order)), batch["accountId"], batch["region"], batch["batch"]

    return sorted(rows, key=place)


def find_job(record: Record, job_id: str) -> Job | None:
    """A job of the run."""
    return next((job for job in list_jobs(record) if job.job_id == job_id), None)


# --- the log of a job -------------------------------------------------------------------------------------------
def read_job_log(api: ApiClient, run_id: str, job_id: str) -> list[dict[str, Any]]:
    """DRS's log of a job, the newest entry first, with the rest of its data as `more`. Raise ApiRefused."""
    entries = api.list_items(f"/executions/{run_id}/job-log", "jobLog", jobId=job_id)
    ordered = sorted(entries, key=lambda entry: entry.get("logDateTime") or "")
    return list(map(_log_entry, reversed(ordered)))


def _log_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    data = dict(entry.get("eventData") or {})
    return {
        "at": entry.get("logDateTime"),
        "event": entry.get("event") or "–",
        "server": data.pop("sourceServerID", None),
        "instance": data.pop("targetInstanceID", None),
        "error": data.pop("rawError", None),
        "more": "; ".join(_list_data(data)),
    }


def _list_data(data: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """`conversionServerID i-0123`, also of data within data."""
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _list_data(value, f"{before}{name}.")
        elif value is not None:
            yield f"{before}{name} {value}"


# --- findings ---------------------------------------------------------------------------------------------------
def group_findings(found: Mapping[str, Any]) -> dict[str, Any]:
    """`groups` of findings by severity, the worst first, and each place that is launched into, as `places`."""
    by_severity: dict[str, list[Mapping[str, Any]]] = {severity: [] for severity in SEVERITIES}
    for finding in found["findings"]:
        by_severity.setdefault(finding["severity"], []).append(finding)
    return {
        "groups": [(severity, findings) for severity, findings in by_severity.items() if findings],
        "places": merge_looks(found["isolation"], found.get("looks", ())),
    }
