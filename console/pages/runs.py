"""The page of a run."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.render import Live, render
from console.topics import read_topic


def show_run(request: Request) -> Response:
    """What the run does and waits for, its waves, its timeline and its servers."""
    topic = f"run/{request.path_params['run_id']}"
    snapshot = read_topic(request.app.state.deployment, topic)
    record = snapshot.value["record"]
    title = f"{record['mode'].capitalize()} of {record['planName']}"
    return render(request, "run.html.j2", title, Live(topic, snapshot), **snapshot.value)


ROUTES = [Route("/runs/{run_id}", show_run)]
