"""The list of runs that have ended, the report of each run, and its files."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.deployment import ID, Deployment
from console.pages.parts import require_id
from console.pages.run_list import show_list
from console.reading import reports, run_list
from console.reading.reports import Wanted
from console.reading.run_list import ANY, MODES
from console.reading.run_report import MAX_SECONDS, SECONDS_TO_WAIT, TYPES, Making, RunReport, list_files, pack
from console.render import render
from console.topics import read_topic
from report.collect import Texts
from report.files import HTML_FILE

# The page of a report has its style in it, and nothing else that runs or loads. Nobody frames it.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox"
)
ZIP_FILE = "report.zip"
# How old the record of a run may be in the list of what happened, in real seconds: an ended one hardly changes.
MAX_AGE_OF_ENDED, MAX_AGE_OF_OPEN = 600.0, 10.0


def show_reports(request: Request) -> Response:
    """A page of the runs that have ended. The first one is kept up to date."""
    return show_list(request, "reports.html.j2", "Reports", _read_filters(request), reports.read)


def show_happenings(request: Request) -> Response:
    """What happened lately in all runs: a part of the page, for it takes longer."""
    deployment: Deployment = request.app.state.deployment
    newest = read_topic(deployment, run_list.Filters().topic()).value["runs"]
    drills = {run["executionId"] for run in newest if run["endedAt"] and run["mode"] == "DRILL"}
    open_runs = {run["executionId"] for run in newest if not run["endedAt"]}

    def read_record(run_id: str) -> Mapping[str, Any]:
        age = MAX_AGE_OF_OPEN if run_id in open_runs else MAX_AGE_OF_ENDED
        decided: Mapping[str, Any] = deployment.snapshot(
            f"decisions/{run_id}", lambda api: {"decisions": api.get(f"/executions/{run_id}")["decisions"]}, age
        ).value
        cleanup = None
        if run_id in drills:
            path = f"/executions/{run_id}/cleanup"
            cleanup = deployment.snapshot(f"cleanup/{run_id}", lambda api: api.get(path), MAX_AGE_OF_OPEN).value
        return {**decided, "cleanup": cleanup}

    return render(request, "happenings.html.j2", "", happenings=reports.list_happenings(newest, read_record))


def _read_filters(request: Request) -> Wanted:
    """The filters in the query. Raise HTTPException for words that are none."""
    plan_id, mode, first, last = (request.query_params.get(name) or ANY for name in ("plan", "mode", "from", "to"))
    if not ID.fullmatch(plan_id) or mode not in (ANY, *MODES):
        raise HTTPException(400, "This filter does not exist. Choose a plan and a kind from the lists.")
    return Wanted(plan_id, mode, _read_day(first), _read_day(last))


def _read_day(text: str) -> str:
    try:
        return text if text == ANY else date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise HTTPException(400, "This is no day. Write it like 2026-11-22.") from error


# --- the report of a run --------------------------------------------------------------------------------------------
def show_report(request: Request) -> Response:
    """The head of the run, with a part that waits for its report. It stays as it is: its files belong together."""
    is_anew = "anew" in request.query_params
    run_id, making = _ask(request, anew=is_anew)
    if is_anew:  # so that a reload does not make it again
        return RedirectResponse(f"/runs/{run_id}/report", 303)
    record = read_topic(request.app.state.deployment, f"run/{run_id}").value["record"]
    described = _describe(run_id, making, making.wait(0))
    return render(request, "run_report.html.j2", f"Report of {record['planName']}", record=record, **described)


def show_summary(request: Request) -> Response:
    """How far the report is, or what it says: a part of its page."""
    run_id, making = _ask(request)
    return render(request, "run_report_summary.html.j2", "", **_describe(run_id, making, making.wait(SECONDS_TO_WAIT)))


def show_page(request: Request) -> Response:
    """The page of the report, as the command writes it."""
    _, texts = _find(request)
    return Response(texts.html, media_type=TYPES[HTML_FILE], headers={"Content-Security-Policy": POLICY})


def download(request: Request) -> Response:
    """A file of the report, as the command writes it, or all of them in a ZIP file."""
    name = request.path_params["name"]
    if name not in (*TYPES, ZIP_FILE):
        raise HTTPException(404, f"A report has {', '.join(TYPES)} and {ZIP_FILE}.")
    run_id, texts = _find(request)
    files = list_files(texts)
    content, kind = (pack(run_id, files), "application/zip") if name == ZIP_FILE else (files[name], TYPES[name])
    headers = {
        "Content-Disposition": f'attachment; filename="{run_id}-{name}"',  # an id has no character to escape
        "Content-Security-Policy": POLICY,
    }
    return Response(content, media_type=kind, headers=headers)


def _ask(request: Request, *, anew: bool = False) -> tuple[str, Making]:
    """The report of the run in the path, which may be in the making."""
    deployment: Deployment = request.app.state.deployment
    run_id = require_id(request, "run_id")
    snapshot = read_topic(deployment, f"run/{run_id}")
    report = deployment.kept.get(RunReport, run_id, RunReport)
    return run_id, report.ask(deployment, snapshot.value["record"], snapshot.version, anew=anew)


def _find(request: Request) -> tuple[str, Texts]:
    """The report with the digest in the query, or the one of now. Raise HTTPException if it is not here any more."""
    run_id, wanted = require_id(request, "run_id"), request.query_params.get("sha256")
    kept = request.app.state.deployment.kept.find(RunReport, run_id)
    if wanted and kept and (found := kept.find(wanted)):
        return run_id, found
    run_id, making = _ask(request)
    texts = making.wait(MAX_SECONDS)
    if texts is None:
        raise HTTPException(504, "The report is not made yet. Try again.")
    if wanted and texts.json_sha256 != wanted:
        text = "The report was made anew since, and its contents differ. Open the page of the report again."
        raise HTTPException(409, text)
    return run_id, texts


def _describe(run_id: str, making: Making, texts: Texts | None) -> dict[str, Any]:
    """What the part shows."""
    return {
        "run_id": run_id,
        "progress": making.progress,
        "report": texts and texts.document,
        "sha256": texts and texts.json_sha256,
        "files": [(name, len(content)) for name, content in list_files(texts).items()] if texts else [],
    }


ROUTES = [
    Route("/reports", show_reports),
    Route("/reports/lately", show_happenings),
    Route("/runs/{run_id}/report", show_report),
    Route("/runs/{run_id}/report/summary", show_summary),
    Route("/runs/{run_id}/report/page", show_page),
    Route("/runs/{run_id}/report/{name}", download),
]
