"""The page of compliance: which plans are drilled on time, and the servers of each."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.listings.compliance import PLANS
from cli.listings.output import format_csv
from cli.refusal import ApiRefused
from cli.report.compliance import read_list, write_page
from console.deployment import ID, Deployment
from console.pages.parts import show_error_in_place
from console.pages.reports import POLICY
from console.pages.run_list import MAX_AGE_OF_PLANS, MAX_TOKEN_LENGTH, list_plans
from console.reading.drills import compliance
from console.reading.drills.findings import Finding, read_all_open, sort_findings
from console.render import Live, render
from console.topics import max_age, read_topic
from report.compliance.words import STATUS_WORDS

TOPIC = "compliance"
# Drill findings of all plans cost a request for each plan. In real seconds.
MAX_AGE_OF_FINDINGS, SANDBOX_MAX_AGE_OF_FINDINGS = 30.0, 3.0
MAX_NAME_LENGTH = 200


def show_compliance(request: Request) -> Response:
    """The plans by what has to be done about them, and the servers that are in no plan."""
    deployment: Deployment = request.app.state.deployment
    state, name = request.query_params.get("state") or None, request.query_params.get("name", "").strip()
    if (state is not None and state not in compliance.KINDS) or len(name) > MAX_NAME_LENGTH:
        raise HTTPException(400, "This filter does not exist. Choose a state from the list, and a part of a name.")
    snapshot = read_topic(deployment, TOPIC)
    found = snapshot.value
    unplanned = found["unplanned"]
    every = max_age(deployment, TOPIC)
    return render(
        request,
        "compliance.html.j2",
        "Compliance",
        Live(TOPIC, snapshot, every),
        found=found,
        sections=compliance.list_sections(found["plans"], found["asOf"], state, name),
        kinds=compliance.KINDS,
        counted=compliance.count_kinds(found["plans"]),
        state=state,
        name=name,
        unplanned=compliance.list_unplanned(unplanned["value"]) if unplanned["value"] else [],
        unplanned_problem=unplanned["problem"],
        unplanned_is_all=not unplanned["value"] or unplanned["value"]["isAll"],
    )


def show_servers(request: Request) -> Response:
    """A page of the servers of plans, each with the last drill that counts for it."""
    deployment: Deployment = request.app.state.deployment
    plan_id, status = (request.query_params.get(name, "") for name in ("plan", "status"))
    token = request.query_params.get("page") or None
    if (plan_id and not ID.fullmatch(plan_id)) or status not in ("", *STATUS_WORDS):
        raise HTTPException(400, "This filter does not exist. Choose a plan and a state from the lists.")
    if token and len(token) > MAX_TOKEN_LENGTH:
        raise HTTPException(400, "The list has no such page. Open its first page.")
    found = compliance.read_servers(deployment.api, plan_id, status, token)
    query = {name: value for name, value in (("plan", plan_id), ("status", status)) if value}
    following = {**query, "page": found["nextToken"]} if found["nextToken"] else None
    return render(
        request,
        "compliance_servers.html.j2",
        "Servers and their drills",
        found=found,
        plan_id=plan_id,
        status_wanted=status,
        states=STATUS_WORDS,
        plans=deployment.snapshot("plans", list_plans, MAX_AGE_OF_PLANS).value,
        describe_due=compliance.describe_due,
        is_first=token is None,
        first=_format_path(query),
        following=following and _format_path(following),
    )


def _format_path(query: Mapping[str, str]) -> str:
    return f"/compliance/servers?{urlencode(query)}" if query else "/compliance/servers"


def show_findings(request: Request) -> Response:
    """The drill findings that are open, of all plans: a part of the page, for it takes longer."""
    deployment: Deployment = request.app.state.deployment
    try:
        plans = read_topic(deployment, TOPIC).value["plans"]
        found = deployment.snapshot(
            "open-drill-findings",
            lambda api: read_all_open(api, plans),
            SANDBOX_MAX_AGE_OF_FINDINGS if deployment.is_sandbox else MAX_AGE_OF_FINDINGS,
        ).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return show_error_in_place(request, error)
    findings = sort_findings(Finding(each["planId"], each["planName"], each["finding"]) for each in found["findings"])
    is_short = "overdue" in request.query_params
    template = "overdue_findings.html.j2" if is_short else "open_findings.html.j2"
    return render(request, template, "", findings=findings, unread=found["unread"])


def show_summary(request: Request) -> Response:
    """What the first page says of compliance: a part of it. People who wait for a run must not wait for this."""
    deployment: Deployment = request.app.state.deployment
    try:
        found = read_topic(deployment, TOPIC).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return show_error_in_place(request, error)
    return render(
        request,
        "compliance_summary.html.j2",
        "",
        counts=found["counts"],
        standings=compliance.index_plans(found),
    )


def find_standings(deployment: Deployment) -> Mapping[str, compliance.Standing]:
    """The standings of plans, by their ids, as they were read last; none if they have not been read."""
    known = deployment.snapshots.peek(TOPIC)
    return {} if known is None else compliance.index_plans(known.value)


def download_csv(request: Request) -> Response:
    """The file that `drs-waves compliance --csv` writes."""
    api = request.app.state.deployment.api
    return _attach(format_csv(PLANS, read_list(api, PLANS)), "csv")


def download_page(request: Request) -> Response:
    """The file that `drs-waves compliance --html` writes."""
    deployment: Deployment = request.app.state.deployment
    plans = read_list(deployment.api, PLANS)
    return _attach(write_page(deployment.api, plans, is_sandbox=deployment.is_sandbox), "html")


def _attach(content: str, kind: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="compliance.{kind}"',
        "Content-Security-Policy": POLICY,
    }
    return Response(content, media_type=f"text/{kind}", headers=headers)


ROUTES = [
    Route("/compliance", show_compliance),
    Route("/compliance/servers", show_servers),
    Route("/compliance/findings", show_findings),
    Route("/compliance/summary", show_summary),
    Route("/compliance.csv", download_csv),
    Route("/compliance.html", download_page),
]
