"""The first page: what waits for people before anything else."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.render import Live, render
from console.topics import read_topic


def show_overview(request: Request) -> Response:
    """What waits, what runs, and all plans."""
    snapshot = read_topic(request.app.state.deployment, "overview")
    return render(request, "overview.html.j2", "Overview", Live("overview", snapshot), **snapshot.value)


ROUTES = [Route("/", show_overview)]
