"""The first page: what waits for people before anything else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.listings.cells import show_age
from cli.listings.drills import read_running_drills
from cli.listings.plans import add_age
from cli.refusal import ApiRefused
from cli.text import format_run_time
from console.deployment import Deployment
from console.pages.drills.compliance import find_standings
from console.pages.parts import require_id, show_error_in_place
from console.reading.drills.compliance import Standing
from console.reading.fleet import max_age
from console.reading.overview import count_left, find_last_drill, measure
from console.reading.run import is_over_rto
from console.reading.waits import Wait, list_awaited
from console.render import Live, render
from console.topics import read_topic
from report.run_record import is_counting

# What an ended run measured changes only by late results and a continuation. The last drill of a plan that is not
# among the newest runs is looked for more often. In real seconds.
MAX_AGE_OF_MEASURES, MAX_AGE_OF_LAST = 600.0, 60.0


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A run that waits for people, and what for."""

    run: Mapping[str, Any]
    awaited: list[Wait]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan with the id of its last drill, if that is known, and what it measured, if that has been read.

    `measured` is empty for a plan without a drill, and None if it has not been read. `age` is of its readiness,
    `standing` what compliance says of it, None if that is not known.
    """

    plan: Mapping[str, Any]
    drill: str | None
    measured: Mapping[str, Any] | None
    age: str
    standing: Standing | None


def show_overview(request: Request) -> Response:
    """What waits, what runs, and all plans."""
    deployment: Deployment = request.app.state.deployment
    snapshot = read_topic(deployment, "overview")
    found = snapshot.value
    waiting = [WaitingRun(run, awaited) for run in found["waiting"] if (awaited := list_awaited(run))]
    count = sum(len(each.awaited) for each in waiting)
    return render(
        request,
        "overview.html.j2",
        f"({count}) Overview" if count else "Overview",
        Live("overview", snapshot),
        waiting=waiting,
        running=found["running"],
        ended=found["ended"],
        left=_count_left(deployment),
        is_over_rto=is_over_rto,
        is_counting=is_counting,
        plans=list(_list_plans(deployment, found)),
        format_time=lambda run: format_run_time(run) if "durationSeconds" in run else "",
    )


def _count_left(deployment: Deployment) -> dict[str, Any]:
    """The instances that drills left running, by the cache; none if the API does not say, as the fleet's page does."""
    try:
        found = deployment.snapshot("drills-left", read_running_drills, max_age(deployment.is_sandbox)).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired):
        return count_left(())
    return count_left(found[0])


def _list_plans(deployment: Deployment, found: Mapping[str, Any]) -> Iterator[PlanRow]:
    now, standings = deployment.now(), find_standings(deployment)
    for plan in found["plans"]:
        drill = found["drills"].get(plan["planId"])
        measured: Mapping[str, Any] | None = {}
        if drill or not found["drillsAreAll"]:
            known = deployment.ended.peek(_key(plan["planId"], drill))
            measured = None if known is None else known.value
        age = add_age(plan, now)["readinessAgeSeconds"]
        yield PlanRow(plan, drill, measured, "" if age is None else show_age(age), standings.get(plan["planId"]))


def show_last_drill(request: Request) -> Response:
    """How the last drill of a plan ended, with its times against targets, as a part of the first page."""
    deployment, plan_id = request.app.state.deployment, require_id(request, "plan_id")
    drill = request.query_params.get("run") and require_id(request, "run", request.query_params["run"])

    def read() -> dict[str, Any]:
        return _measure_last(deployment.api, plan_id, drill)

    try:
        snapshot = deployment.ended.get(_key(plan_id, drill), read, MAX_AGE_OF_MEASURES if drill else MAX_AGE_OF_LAST)
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return show_error_in_place(request, error)
    return render(request, "last_drill.html.j2", "", measured=snapshot.value)


def _measure_last(api: ApiClient, plan_id: str, drill: str | None) -> dict[str, Any]:
    drill = drill or find_last_drill(api, plan_id)
    return measure(api, drill) if drill else {}


def _key(plan_id: str, drill: str | None) -> str:
    return f"drill/{drill}" if drill else f"last/{plan_id}"


ROUTES = [Route("/", show_overview), Route("/plans/{plan_id}/last-drill", show_last_drill)]
