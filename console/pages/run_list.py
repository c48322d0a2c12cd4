"""All runs, newest first."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.api_client import ApiClient
from cli.text import summarize_waits
from console.deployment import ID, Deployment
from console.reading import run_list
from console.reading.reports import Wanted
from console.reading.run_list import ANY, MODES, STATES, Filters
from console.render import Live, render
from console.topics import read_topic

# How old the names of plans in the filter may be, in real seconds.
MAX_AGE_OF_PLANS = 60.0
MAX_TOKEN_LENGTH = 4096


def show_runs(request: Request) -> Response:
    """A page of the runs of a plan, a kind and a state. The first one is kept up to date."""
    return show_list(
        request,
        "run_list.html.j2",
        "Runs",
        _read_filters(request),
        run_list.read,
        states=STATES,
        summarize=summarize_waits,
    )


def show_list(
    request: Request,
    template: str,
    title: str,
    filters: Filters | Wanted,
    read: Callable[..., Mapping[str, Any]],
    **context: Any,
) -> Response:
    """A page of runs that `read` finds by these filters. The first page is kept up to date by their topic."""
    deployment: Deployment = request.app.state.deployment
    token = request.query_params.get("page") or None
    if token is None:
        snapshot = read_topic(deployment, filters.topic())
        live, found = Live(filters.topic(), snapshot), snapshot.value
    elif len(token) > MAX_TOKEN_LENGTH:
        raise HTTPException(400, "The list has no such page. Open its first page.")
    else:
        live, found = None, read(deployment.api, *filters.given().values(), token)
    query = {name: value for name, value in filters.given().items() if value != ANY}
    following = {**query, "page": found["nextToken"]} if found["nextToken"] else None
    return render(
        request,
        template,
        title,
        live,
        runs=found["runs"],
        filters=filters,
        modes=MODES,
        plans=deployment.snapshot("plans", list_plans, MAX_AGE_OF_PLANS).value,
        is_first=token is None,
        is_filtered=bool(query),
        first=_format_path(request, query),
        following=following and _format_path(request, following),
        **context,
    )


def _format_path(request: Request, query: Mapping[str, str]) -> str:
    return f"{request.url.path}?{urlencode(query)}" if query else request.url.path


def list_plans(api: ApiClient) -> list[tuple[str, str]]:
    """The id and the name of each plan, by name."""
    plans = api.list_items("/recovery-plans", "recoveryPlans")
    return sorted(((plan["planId"], plan["name"]) for plan in plans), key=lambda plan: plan[1].casefold())


def _read_filters(request: Request) -> Filters:
    """The filters in the query. Raise HTTPException for words that are none."""
    plan_id, mode, state = (request.query_params.get(name) or ANY for name in ("plan", "mode", "state"))
    if not ID.fullmatch(plan_id) or mode not in (ANY, *MODES) or state not in (ANY, *STATES):
        raise HTTPException(400, "This filter does not exist. Choose a plan, a kind and a state from the lists.")
    return Filters(plan_id, mode, state)


ROUTES = [Route("/runs", show_runs)]
