"""The page of accounts and Regions."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.render import Live, render
from console.topics import read_topic


def show_fleet(request: Request) -> Response:
    """Each account and Region with its capacity."""
    snapshot = read_topic(request.app.state.deployment, "fleet")
    return render(request, "fleet.html.j2", "Fleet", Live("fleet", snapshot), **snapshot.value)


ROUTES = [Route("/fleet", show_fleet)]
