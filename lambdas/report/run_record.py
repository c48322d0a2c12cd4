"""Read the record of a run as the API returns it: its status and its DRS jobs."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]

UNFINISHED = ("PENDING", "POLLING", "PAUSED")
# The statuses of actions that have begun and not ended.
RUNNING_ACTIONS = ("RUNNING", "WAITING")
_FAILED_ACTIONS = ("FAILED", "TIMED_OUT", "CANCELLED")
# What a wave in progress does before its servers are launched and after.
CHECKS_SERVERS, RUNS_ACTIONS, WAITS_FOR_PERSON = "checking", "running actions", "waits for a person"


class Job(NamedTuple):
    """A DRS job of a run. `ended_at`, `launched` and `failed` are None while it runs, the rest only then is not.

    `stage` is that of the servers that are furthest behind; `seconds` and `usual_seconds` are how long the job has run
    and how long such a job usually takes.
    """

    job_id: str
    wave: str
    target: tuple[str, str]
    batch: int
    attempt: int
    servers: int
    started_at: str | None
    ended_at: str | None
    launched: int | None
    failed: int | None
    stage: str | None = None
    seconds: int | None = None
    usual_seconds: int | None = None


def list_jobs(record: Record) -> Iterator[Job]:
    """Every DRS job of the run, ended or running."""
    for batch in record["batches"]:
        place = (batch["wave"], (batch["accountId"], batch["region"]), batch["batch"])
        launched = 0
        for job in batch["jobs"]:
            launched += job["launched"]
            servers = job["launched"] + job["failed"]
            times = (job["startedAt"], job["endedAt"])
            yield Job(job["jobId"], *place, job["attempt"], servers, *times, job["launched"], job["failed"])
        if batch["status"] == "LAUNCHING" and batch["jobId"]:
            remaining = batch["servers"] - launched
            started_at = batch.get("jobStartedAt") or batch["startedAt"]
            state = (batch.get("stage"), batch.get("jobSeconds"), batch.get("usualSeconds"))
            yield Job(batch["jobId"], *place, batch["attempt"], remaining, started_at, None, None, None, *state)


def is_counting(record: Record) -> bool:
    """Return whether an open run may still be inspecting its servers, so that its counts are no totals yet."""
    if record["status"] not in UNFINISHED:
        return False
    has_begun = bool(record.get("actions")) or any(wave["startedAt"] for wave in record["waves"])
    return not record["servers"]["total"] or (not has_begun and record.get("state") in ("STARTING", None))


def has_launched(record: Record) -> bool:
    """Return whether the run has ended and launched servers, so that their launches can have warnings."""
    return record["status"] not in UNFINISHED and record["servers"]["launched"] > 0


def is_unrecovered(server: Mapping[str, Any]) -> bool:
    """Return whether the plan requires this server and it was not launched, or has not passed its checks."""
    is_unverified = (server.get("verification") or {}).get("status") == "UNVERIFIED"
    return (server["status"] != "LAUNCHED" or is_unverified) and not server["optional"]


def find_step(record: Record, wave: Mapping[str, Any]) -> str | None:
    """What a wave in progress does beside launching: it waits for an answer, checks servers or runs actions."""
    own = [action for action in record.get("actions", ()) if action["wave"] == wave["name"]]
    if any(action["waitingFor"] for action in own):
        return WAITS_FOR_PERSON
    if (wave.get("checks") or {}).get("checking"):
        return CHECKS_SERVERS
    return RUNS_ACTIONS if any(action["status"] in RUNNING_ACTIONS for action in own) else None


def has_failed_action(record: Record, wave: str | None = None) -> bool:
    """Whether an action of the run failed; of this wave only, if one is named."""
    actions = record.get("actions", ())
    return any(each["status"] in _FAILED_ACTIONS and wave in (None, each["wave"]) for each in actions)


def is_task(wait: Mapping[str, Any]) -> bool:
    """Whether a person is asked to confirm a task, which needs a comment."""
    return any(answer.endswith("/confirm") for answer in wait["answers"])
