"""The page of a plan."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.render import Live, render
from console.topics import read_topic


def show_plan(request: Request) -> Response:
    """The waves of the plan, its groups, its readiness and its runs."""
    topic = f"plan/{request.path_params['plan_id']}"
    snapshot = read_topic(request.app.state.deployment, topic)
    return render(request, "plan.html.j2", snapshot.value["plan"]["name"], Live(topic, snapshot), **snapshot.value)


ROUTES = [Route("/plans/{plan_id}", show_plan)]
