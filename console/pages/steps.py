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
from console.pages.parts import read_number
from console.pages.runs import RunPage
from console.reading import steps
from console.reading.events import EventLog, describe_cleanup, find_events
from console.reading.servers.index import ServerIndex
from recovery.free_text import flatten
from report.run_record import UNFINISHED

# Rows of a page.
BATCHES, LOG_ENTRIES, EVENTS, FINDINGS = 50, 200, 200, 200
# How long findings wait for the host names of their servers, in real seconds; without them they show ids.
WAIT_FOR_HOSTS = 0.5
# Seconds for which an answer is taken as it was. Each page of a job's log is a call of DRS; in the sandbox, where a job
# takes seconds, it is read as often as the rest. Findings change only by the looks before starts.
LOG_AGE, FINDINGS_AGE, ENDED_AGE = 10.0, 10.0, 600.0


def _read(run: RunPage, name: str, read: Callable[[ApiClient], Any], age: float | None = None) -> Any:
    """An answer about this run. That of a run that has ended does not change."""
    is_open = run.record["status"] in UNFINISHED
    key = f"{name} of {run.record['executionId']}{'' if is_open else ' at its end'}"
    return run.deployment.snapshot(key, read, age if is_open else ENDED_AGE).value


def _render(request: Request, run: RunPage, template: str, title: str, **context: Any) -> Response:
    return run.render(request, template, f"{title} of {run.record['planName']}", **context)


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
    run = RunPage.read(request)
    path = f"/executions/{run.record['executionId']}/actions"
    actions = steps.list_actions(_read(run, "actions", lambda api: api.get(path)["actions"]), run.record)
    waves = steps.list_checked_waves(run.record)
    return _render(request, run, "actions.html.j2", "Actions and checks", actions=actions, waves=waves)


def show_jobs(request: Request) -> Response:
    """The batches of the run with their jobs."""
    run, wave = RunPage.read(request), request.query_params.get("wave", "")
    part = _cut(request, steps.list_batches(run.record, wave), BATCHES)
    return _render(request, run, "jobs.html.j2", "Jobs", part=part, wave=wave)


def show_job(request: Request) -> Response:
    """One job with DRS's log of it."""
    run, job_id = RunPage.read(request), request.path_params["job_id"]
    job = steps.find_job(run.record, job_id)
    if job is None:
        raise HTTPException(404, f"The run has no job {job_id}.")
    run_id, runs = run.record["executionId"], job.ended_at is None
    key = f"log of {job_id} of {run_id}{'' if runs else ' at its end'}"
    age_of_running = LOG_AGE if run.deployment.speed is None else run.deployment.interval
    age = age_of_running if runs else ENDED_AGE
    entries = run.deployment.snapshot(key, lambda api: steps.read_job_log(api, run_id, job_id), age).value
    part = _cut(request, entries, LOG_ENTRIES)
    return _render(request, run, "job.html.j2", f"Job {job_id}", job=job, part=part)


def show_findings(request: Request) -> Response:
    """What the inspection found, by severity, and how far the networks are isolated."""
    run = RunPage.read(request)
    path = f"/executions/{run.record['executionId']}/findings"
    found = steps.group_findings(_read(run, "findings", lambda api: api.get(path), FINDINGS_AGE))
    run_id = run.record["executionId"]
    index = run.deployment.kept.get(ServerIndex, run_id, lambda: ServerIndex(run_id))
    hosts = {row.server_id: row.host for row in index.ask(run.deployment.api, run.record, WAIT_FOR_HOSTS).rows}
    return _render(request, run, "findings.html.j2", "Readiness findings", most=FINDINGS, hosts=hosts, **found)


def show_events(request: Request) -> Response:
    """What happened in the run, the newest first."""
    run, parameters = RunPage.read(request), request.query_params
    wave, text = flatten(parameters.get("wave", "")), flatten(parameters.get("text", ""))[:200]
    run_id = run.record["executionId"]
    log = run.deployment.kept.get(EventLog, run_id, lambda: EventLog(run_id))
    events = log.read(run.deployment.api, run.record, run.deployment.interval)
    events = sorted([*events, *describe_cleanup(run.snapshot.value["cleanup"])], key=lambda event: str(event["at"]))
    found = find_events(events, wave, text)
    part = _cut(request, found[::-1], EVENTS)
    return _render(request, run, "events.html.j2", "Events", part=part, wave=wave, text=text, total=len(events))


ROUTES = [
    Route("/runs/{run_id}/actions", show_actions),
    Route("/runs/{run_id}/jobs", show_jobs),
    Route("/runs/{run_id}/jobs/{job_id}", show_job),
    Route("/runs/{run_id}/findings", show_findings),
    Route("/runs/{run_id}/events", show_events),
]
