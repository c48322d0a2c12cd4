"""The other pages of a run: actions and checks, jobs and their logs, findings, events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.api_client import ApiClient
from cli.run_record import UNFINISHED
from console.deployment import Deployment
from console.pages.parts import read_number
from console.reading import steps
from console.reading.events import EventLog, find_events
from console.render import Live, render
from console.snapshots import Snapshot
from console.topics import read_topic
from recovery.free_text import flatten

# Rows of a page.
BATCHES, LOG_ENTRIES, EVENTS, FINDINGS = 50, 200, 200, 200
# Seconds for which an answer is taken as it was. Each page of a job's log is a call of DRS; in the sandbox, where a job
# takes seconds, it is read as often as the rest. Findings change only by the looks before starts.
LOG_AGE, FINDINGS_AGE, ENDED_AGE = 10.0, 10.0, 600.0


@dataclass(frozen=True, slots=True)
class _Run:
    """A run whose page is asked for."""

    deployment: Deployment
    topic: str
    snapshot: Snapshot

    @property
    def record(self) -> Mapping[str, Any]:
        record: Mapping[str, Any] = self.snapshot.value["record"]
        return record

    @property
    def is_open(self) -> bool:
        return self.record["status"] in UNFINISHED

    def read(self, name: str, read: Callable[[ApiClient], Any], age: float | None = None) -> Any:
        """An answer about this run. That of a run that has ended does not change."""
        key = f"{name} of {self.record['executionId']}{'' if self.is_open else ' at its end'}"
        return self.deployment.snapshot(key, read, age if self.is_open else ENDED_AGE).value

    def render(self, request: Request, template: str, title: str, **context: Any) -> Response:
        live = Live(self.topic, self.snapshot)
        named = f"{title} of {self.record['planName']}"
        return render(request, template, named, live, record=self.record, **context)


def _read_run(request: Request) -> _Run:
    deployment, topic = request.app.state.deployment, f"run/{request.path_params['run_id']}"
    return _Run(deployment, topic, read_topic(deployment, topic))


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of a page of many, which is number `page` from 1 of `pages`; `total` is how many rows there are."""

    rows: Sequence[Any]
    page: int
    pages: int
    total: int
    query: Mapping[str, str]

    def address(self, page: int) -> str:
        """The query of another page."""
        return urlencode({**self.query, "page": str(page)}, quote_via=quote)


def _cut(request: Request, rows: Sequence[Any], size: int) -> Part:
    pages = max(-(-len(rows) // size), 1)
    page = min(max(read_number(request, "page", 1), 1), pages)
    query = {name: value for name, value in request.query_params.items() if name in ("wave", "text") and value}
    return Part(rows[(page - 1) * size : page * size], page, pages, len(rows), query)


# --- pages ------------------------------------------------------------------------------------------------------
def show_actions(request: Request) -> Response:
    """The actions of the run with their output, and the checks of its waves."""
    run = _read_run(request)
    path = f"/executions/{run.record['executionId']}/actions"
    actions = steps.list_actions(run.read("actions", lambda api: api.get(path)["actions"]), run.record)
    waves = steps.list_checked_waves(run.record)
    return run.render(request, "actions.html.j2", "Actions and checks", actions=actions, waves=waves)


def show_jobs(request: Request) -> Response:
    """The batches of the run with their jobs."""
    run, wave = _read_run(request), request.query_params.get("wave", "")
    part = _cut(request, steps.list_batches(run.record, wave), BATCHES)
    return run.render(request, "jobs.html.j2", "Jobs", part=part, wave=wave)


def show_job(request: Request) -> Response:
    """One job with DRS's log of it."""
    run, job_id = _read_run(request), request.path_params["job_id"]
    job = steps.find_job(run.record, job_id)
    if job is None:
        raise HTTPException(404, f"The run has no job {job_id}.")
    run_id, runs = run.record["executionId"], job.ended_at is None
    key = f"log of {job_id} of {run_id}{'' if runs else ' at its end'}"
    age_of_running = LOG_AGE if run.deployment.speed is None else run.deployment.interval
    age = age_of_running if runs else ENDED_AGE
    entries = run.deployment.snapshot(key, lambda api: steps.read_job_log(api, run_id, job_id), age).value
    part = _cut(request, entries, LOG_ENTRIES)
    return run.render(request, "job.html.j2", f"Job {job_id}", job=job, part=part)


def show_findings(request: Request) -> Response:
    """What the inspection found, by severity, and how far the networks are isolated."""
    run = _read_run(request)
    path = f"/executions/{run.record['executionId']}/findings"
    found = steps.group_findings(run.read("findings", lambda api: api.get(path), FINDINGS_AGE))
    return run.render(request, "findings.html.j2", "Findings", most=FINDINGS, **found)


def show_events(request: Request) -> Response:
    """What happened in the run, the newest first."""
    run, parameters = _read_run(request), request.query_params
    wave, text = flatten(parameters.get("wave", "")), flatten(parameters.get("text", ""))[:200]
    run_id = run.record["executionId"]
    log = run.deployment.kept.get(EventLog, run_id, lambda: EventLog(run_id))
    events = log.read(run.deployment.api, run.record, run.deployment.interval)
    found = find_events(events, wave, text)
    part = _cut(request, found[::-1], EVENTS)
    return run.render(request, "events.html.j2", "Events", part=part, wave=wave, text=text, total=len(events))


ROUTES = [
    Route("/runs/{run_id}/actions", show_actions),
    Route("/runs/{run_id}/jobs", show_jobs),
    Route("/runs/{run_id}/jobs/{job_id}", show_job),
    Route("/runs/{run_id}/findings", show_findings),
    Route("/runs/{run_id}/events", show_events),
]
