"""The page of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from cli.text import describe_cancelling, describe_rto, format_run_time
from cli.views.failed_waves import FailedWaves, read_first_failed, read_first_unverified
from console.deployment import Deployment
from console.pages.parts import require_id
from console.reading import instances
from console.reading import run as reading
from console.reading.decisions.choices import (
    can_be_cleaned_up,
    can_be_continued,
    list_run_choices,
    list_verify_choices,
)
from console.reading.waits import list_waits
from console.render import Live, render
from console.snapshots import Snapshot
from console.topics import read_topic
from report.drawings import CSS_FILE
from report.drawings.waves import draw_run
from report.run_record import Record, is_counting
from report.words import describe_wave_state

# How old what is read beside the record may be, in real seconds: the plan of a run does not change.
MAX_AGE_OF_PLAN, MAX_AGE_OF_SERVERS, MAX_AGE_OF_INSTANCES = 3600.0, 15.0, 60.0
# Waits for AWS that the page names; those for people are all named.
MAX_WAITS_FOR_AWS = 10


@dataclass(frozen=True, slots=True)
class RunPage:
    """A run, one of whose pages is asked for."""

    deployment: Deployment
    topic: str
    snapshot: Snapshot

    @classmethod
    def read(cls, request: Request) -> "RunPage":
        """The run in the path. Raise HTTPException for what can be no id, and as `read_topic`."""
        deployment, topic = request.app.state.deployment, f"run/{require_id(request, 'run_id')}"
        return RunPage(deployment, topic, read_topic(deployment, topic))

    @property
    def record(self) -> Record:
        """The record of the run."""
        record: Record = self.snapshot.value["record"]
        return record

    def render(self, request: Request, template: str, title: str, **context: Any) -> Response:
        """The page, which is kept up to date."""
        return render(request, template, title, Live(self.topic, self.snapshot), record=self.record, **context)


def show_run(request: Request) -> Response:
    """What the run does and waits for, its waves, its timeline and the servers that need attention."""
    deployment: Deployment = request.app.state.deployment
    page = RunPage.read(request)
    record, cleanup = page.record, page.snapshot.value["cleanup"]
    waits = list(list_waits(record, _find_why(deployment, record)))
    for_people = [wait for wait in waits if wait.choices]
    for_aws = [wait for wait in waits if not wait.choices]
    count = f"({len(for_people)}) " if for_people else ""
    return page.render(
        request,
        "run.html.j2",
        f"{count}{record['mode'].capitalize()} of {record['planName']}",
        cleanup=cleanup,
        for_people=for_people,
        for_aws=for_aws[:MAX_WAITS_FOR_AWS],
        for_aws_left_out=len(for_aws[MAX_WAITS_FOR_AWS:]),
        cancelling=describe_cancelling(record),
        choices=list_run_choices(record),
        verify_choices=list_verify_choices(record),
        can_continue=can_be_continued(record),
        can_clean_up=can_be_cleaned_up(record, cleanup),
        left=_find_left(deployment, record, cleanup),
        is_over_rto=reading.is_over_rto(record),
        is_counting=is_counting(record),
        time=format_run_time(record),
        waves=draw_run(record, read_plan_of_run(deployment, record)),
        wave_states={wave["name"]: describe_wave_state(record, wave) for wave in record["waves"]},
        timeline=reading.draw_timeline(record),
        odd=_find_odd_servers(deployment, record),
        odd_count=reading.count_odd_servers(record),
        rto=list(describe_rto(record)) if not reading.is_open(record) else [],
        console_link=None if deployment.is_sandbox else reading.find_console_link(record.get("executionArn")),
    )


def forget_run(deployment: Deployment, run_id: str) -> None:
    """Let the pages that show the run read it anew."""
    for topic in (f"run/{run_id}", "overview"):
        deployment.snapshots.forget(topic)


def read_plan_of_run(deployment: Deployment, record: Record) -> Mapping[str, Any] | None:
    """The plan as this run uses it; None if the API does not answer."""
    run_id = record["executionId"]
    key = f"plan-of-run/{run_id}"
    plan: Mapping[str, Any] | None = _try(deployment, key, lambda api: reading.read_plan(api, run_id), MAX_AGE_OF_PLAN)
    return plan


def _find_odd_servers(deployment: Deployment, record: Record) -> list[reading.OddServer] | None:
    """The first servers that need attention; None if the API does not answer."""
    if not reading.count_odd_servers(record):
        return []
    run_id, counts = record["executionId"], record["servers"]
    key = f"odd/{run_id}/{counts['failed']}/{counts['excluded']}/{counts.get('unverified', 0)}"
    found = _try(deployment, key, lambda api: reading.read_odd_servers(api, run_id), MAX_AGE_OF_SERVERS)
    return None if found is None else [reading.describe_odd_server(each) for each in found]


def _find_left(deployment: Deployment, record: Record, cleanup: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What a clean-up would terminate, as its dialog has it; None if it needs none, or has too many to count here."""
    if not can_be_cleaned_up(record, cleanup) or record["chain"]["servers"]["total"] > instances.MAX_SERVERS_COUNTED:
        return None
    run_id = record["executionId"]
    found: Mapping[str, Any] | None = _try(
        deployment, f"instances/{run_id}", lambda api: instances.preview(api, run_id), MAX_AGE_OF_INSTANCES
    )
    return found


def _find_why(deployment: Deployment, record: Record) -> dict[str, list[str]]:
    """Of each wave that asks, its first failed servers with their causes."""
    asking = [f"{wait['wave']}@{wait.get('since')}" for wait in record["waitingFor"] if wait["for"] == "DECISION"]
    if not asking:
        return {}

    def read(api: Any) -> dict[str, list[str]]:
        helps = FailedWaves(read_first_failed(api), deployment.options, read_first_unverified(api))(record)
        return {wave: each.servers for wave, each in helps.items()}

    key = f"asking/{record['executionId']}/{'/'.join(asking)}"
    found: dict[str, list[str]] = _try(deployment, key, read, MAX_AGE_OF_SERVERS) or {}
    return found


def _try(deployment: Deployment, key: str, read: Callable[[Any], Any], max_age: float) -> Any:
    """What is read beside the record, without which the page is still of use: None if the API does not answer."""
    try:
        return deployment.snapshot(key, read, max_age).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired):
        return None


async def show_style_of_drawings(request: Request) -> Response:
    """The style that the drawings have in reports too."""
    return FileResponse(CSS_FILE, media_type="text/css")


ROUTES = [Route("/runs/{run_id}", show_run), Route("/static/drawings.css", show_style_of_drawings)]
