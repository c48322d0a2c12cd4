"""Downloads of the evidence of a run."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.deployment import Deployment
from console.pages.parts import require_id
from console.pages.reports import POLICY
from console.reading.drills.evidence import NotAsRecorded, find_file, read_file

_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}


def download(request: Request) -> Response:
    """A file of the evidence. It comes from the bucket through the console, which compares its sum with the record.

    The address in the bucket is good for whoever has it, so that no page has it.
    """
    deployment: Deployment = request.app.state.deployment
    run_id, occasion, name = (require_id(request, each) for each in ("run_id", "occasion", "name"))
    file = find_file(deployment.api, run_id, occasion, name)
    if file is None:
        raise HTTPException(404, "The run has no such evidence.")
    try:
        content = read_file(deployment.api, file)
    except NotAsRecorded as error:
        raise HTTPException(409, str(error)) from error
    headers = {
        "Content-Disposition": f'attachment; filename="{run_id}-{occasion}-{name}"',  # an id needs no escapes
        "Content-Security-Policy": POLICY,
    }
    kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return Response(content, media_type=kind, headers=headers)


ROUTES = [Route("/runs/{run_id}/evidence/{occasion}/{name}", download)]
