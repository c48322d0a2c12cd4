"""The evidence of a run: its files, and what a verification says of them."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from console.deployment import Deployment
from console.pages.parts import require_id, show_error_in_place
from console.pages.reports import POLICY
from console.reading.drills.evidence import NotAsRecorded, find_evidence, read_file, verify
from console.render import render

_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}


def show_verification(request: Request) -> Response:
    """What `drs-waves evidence verify` says: a part of the page."""
    deployment: Deployment = request.app.state.deployment
    try:
        found, problem = verify(deployment.api, _find(request)), None
    except NotAsRecorded as error:
        found, problem = {"isVerified": False, "problems": [], "notes": []}, str(error)
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return show_error_in_place(request, error)
    return render(request, "evidence_verified.html.j2", "", found=found, problem=problem)


def download(request: Request) -> Response:
    """A file of the evidence. It comes from the bucket through the console, which compares its sum with the record.

    The address in the bucket lets anyone read the file, so no page shows it.
    """
    deployment: Deployment = request.app.state.deployment
    name = require_id(request, "name")
    file = next((each for each in _find(request)["files"] if each["name"] == name), None)
    if file is None:
        raise HTTPException(404, "The evidence has no such file.")
    try:
        content = read_file(deployment.api, file)
    except NotAsRecorded as error:
        raise HTTPException(409, str(error)) from error
    run_id, occasion = request.path_params["run_id"], request.path_params["occasion"]
    headers = {
        "Content-Disposition": f'attachment; filename="{run_id}-{occasion}-{name}"',  # an id needs no escapes
        "Content-Security-Policy": POLICY,
    }
    kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return Response(content, media_type=kind, headers=headers)


def _find(request: Request) -> dict[str, Any]:
    """The evidence that the path names. Raise HTTPException."""
    deployment: Deployment = request.app.state.deployment
    found = find_evidence(deployment.api, require_id(request, "run_id"), require_id(request, "occasion"))
    if found is None:
        raise HTTPException(404, "The run has no such evidence.")
    return found


ROUTES = [
    Route("/runs/{run_id}/evidence/{occasion}", show_verification),
    Route("/runs/{run_id}/evidence/{occasion}/{name}", download),
]
