"""The page of a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.listings.cells import show_age
from cli.refusal import ApiRefused
from cli.run_preview import LaunchChoice, preview_plan
from console.deployment import Deployment
from console.pages.parts import require_id, show_error_in_place
from console.reading.changes import Changed, list_changes
from console.reading.drills.findings import list_findings
from console.reading.drills.schedule import describe_policy, show_in_zone
from console.reading.plan import count_servers, describe, read_as_run, read_groups
from console.refusals import ShownError, describe_error
from console.render import Live, render
from console.topics import read_topic
from report.drawings.waves import draw_plan
from report.plan.profiles import describe_groups

# How old the groups and the servers of a plan may be, and the plan as a run used it, which stays as it is.
MAX_AGE_OF_GROUPS, MAX_AGE_OF_LAUNCHES, MAX_AGE_AS_RUN = 15.0, 60.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What has changed since a run. `run` is None without one; `error` says why that is not known."""

    run: str | None
    changes: Sequence[Changed] = ()
    error: ShownError | None = None


def show_plan(request: Request) -> Response:
    """The waves of the plan, its groups, its readiness, what has changed since a run of it, and its runs."""
    deployment: Deployment = request.app.state.deployment
    topic = f"plan/{require_id(request, 'plan_id')}"
    snapshot = read_topic(deployment, topic)
    found = snapshot.value
    plan, age = found["plan"], found["readiness"]["ageSeconds"]
    groups = read_current_groups(deployment, plan)
    since = request.query_params.get("since") or None
    policy = (found["schedule"]["value"] and found["schedule"]["value"]["policy"]) or {}
    return render(
        request,
        "plan.html.j2",
        plan["name"],
        Live(topic, snapshot),
        **found,
        groups=groups,
        waves=draw_plan(plan),
        table=describe(plan, groups),
        compared=_compare(deployment, plan, groups, require_id(request, "since", since) if since else found["drill"]),
        readiness_age=None if age is None else show_age(age),
        count_servers=count_servers,
        policy=list(describe_policy(policy)) if policy else [],
        in_zone=lambda at: show_in_zone(at, policy.get("timezone")),
        drill_findings=list_findings(found["findings"]["value"] or (), plan["planId"], plan["name"]),
        profiles=[(mode, describe_groups(groups, mode)) for mode in ("drill", "recovery")],
    )


def read_current_groups(deployment: Deployment, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The groups of this plan, as they are now. Raise ApiRefused, ApiUnreachable."""
    key = f"groups/{plan['planId']}/{plan['version']}"
    groups: list[dict[str, Any]] = deployment.snapshot(key, lambda api: read_groups(api, plan), MAX_AGE_OF_GROUPS).value
    return groups


def _compare(
    deployment: Deployment, plan: Mapping[str, Any], groups: Sequence[Mapping[str, Any]], run: str | None
) -> Comparison:
    """What has changed since the run. An error is shown in its place: the page has more to show."""
    if run is None:
        return Comparison(None)
    try:
        before = deployment.ended.get(f"as-run/{run}", lambda: read_as_run(deployment.api, run), MAX_AGE_AS_RUN).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return Comparison(run, error=describe_error(error))
    if before["plan"]["planId"] != plan["planId"]:
        return Comparison(run, error=ShownError("This is no run of the plan", ("Choose one of its runs.",), 404))
    return Comparison(run, list_changes(before, plan, groups))


def show_launches(request: Request) -> Response:
    """What a drill would launch now, and where, as a part of the page: to list servers by their tags takes a while."""
    deployment: Deployment = request.app.state.deployment
    plan_id = require_id(request, "plan_id")

    def read(api: ApiClient) -> list[tuple[str, list[str]]]:
        preview = preview_plan(api, api.get(f"/recovery-plans/{plan_id}"), LaunchChoice("drill"))
        return [(name, lines) for name, lines in preview.facts() if name in ("launches", "unknown")]

    try:
        facts = deployment.snapshot(f"launches/{plan_id}", read, MAX_AGE_OF_LAUNCHES).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return show_error_in_place(request, error)
    return render(request, "launches.html.j2", "", facts=facts)


def show_plans(request: Request) -> Response:
    """The overview lists the plans."""
    return RedirectResponse("/#plans", 303)


ROUTES = [
    Route("/plans", show_plans),
    Route("/plans/{plan_id}", show_plan),
    Route("/plans/{plan_id}/launches", show_launches),
]
