"""The list of ended runs, the report of a run in the console, its files, and what happened lately."""

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.session import Session
from console.deployment import Deployment
from recovery import clock
from report.collect import collect_facts
from tests.support.api_http_server import ApiHttpServer
from tests.support.console_server import Page, ServedConsole, deployment_of, serving
from tests.support.plans import make_plan, make_wave
from tests.support.product import WEST, Product

HOSTILE = "<script>alert(1)</script>"
FILES = ("report.html", "report.json", "servers.csv")


@pytest.fixture
def api(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as server:
        yield server


@pytest.fixture
def console(api: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(api)) as served:
        yield served.enter()


def words(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def read_report(console: ServedConsole, run: str) -> Page:
    """The page of the report, when it is made."""
    page = console.get(f"/runs/{run}/report")
    while "is being made" in page.text:
        assert page.status == 200, page
        page = console.get(f"/runs/{run}/report/summary")
    return page


def write_with_command(api: ApiHttpServer, run: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(app, ["report", run, "--to", str(folder), "--api-url", api.url, "--region", WEST])
    assert result.exit_code == 0, result.output
    return {name: (folder / name).read_bytes() for name in FILES}


def test_the_files_are_those_that_the_command_writes(
    product: Product, api: ApiHttpServer, console: ServedConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = product.seed(1, prefix=f"=cmd{HOSTILE}", failsAt="LAUNCH") + product.seed(1, prefix="good")
    wave = {"name": "web", "groups": [product.group(failing)]}
    record = product.drill(product.plan(wave, name=HOSTILE))
    run = record["executionId"]
    moment = clock.now()  # a report has the time at which it was made
    monkeypatch.setattr(Session, "now", moment)
    monkeypatch.setattr(Deployment, "now", lambda deployment: moment)
    written = write_with_command(api, run, tmp_path, monkeypatch)
    page = read_report(console, run)
    assert HOSTILE not in page.text
    (digest,) = re.findall(r'id="report-digest">([0-9a-f]{64})<', page.text)
    for name, kind in zip(FILES, ("text/html", "application/json", "text/csv"), strict=True):
        found = console.get(f"/runs/{run}/report/{name}?sha256={digest}")
        assert found.text.encode() == written[name], name
        assert found.headers["content-type"].startswith(kind)
        assert found.headers["content-disposition"] == f'attachment; filename="{run}-{name}"'
        assert found.headers["x-content-type-options"] == "nosniff"
    shown = console.get(f"/runs/{run}/report/page?sha256={digest}")
    assert shown.text.encode() == written["report.html"]
    assert digest in shown.text
    seen = words(page.text)
    assert "Failed ✗ FAILED" in seen
    assert "1 of 2 servers launched, 1 failed" in seen


def test_the_zip_file_unpacks_to_a_report_that_the_command_verifies(
    product: Product, console: ServedConsole, tmp_path: Path
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    packed = console.download(f"/runs/{run}/report/report.zip")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == [f"{run}/{name}" for name in FILES]
        archive.extractall(tmp_path)
    result = CliRunner().invoke(app, ["report", "--verify", str(tmp_path / run)])
    assert result.exit_code == 0, result.output


def test_the_page_of_the_report_may_have_style_and_neither_runs_nor_loads_nor_is_framed(
    product: Product, console: ServedConsole
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    policy = console.get(f"/runs/{run}/report/page").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "frame-ancestors 'none'" in policy
    assert policy.endswith("sandbox")


def test_a_report_that_was_made_anew_is_not_given_under_the_digest_of_another(
    product: Product, console: ServedConsole
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    page = console.get(f"/runs/{run}/report/report.json?sha256={'0' * 64}")
    assert page.status == 409
    assert "made anew" in page.text


@pytest.mark.parametrize("name", ["secrets.txt", "report.html.bak", ".env"])
def test_a_report_has_no_other_files(product: Product, console: ServedConsole, name: str) -> None:
    run = product.start(make_plan(product), "readiness")
    assert console.get(f"/runs/{run}/report/{name}").status == 404


def test_a_report_of_no_run_is_refused_in_the_words_of_the_api(console: ServedConsole) -> None:
    page = console.get("/runs/drill-20261122-081530-4f1c09/report")
    assert page.status == 404
    assert "Correlation id" in page.text


@pytest.mark.real_durations
def test_the_report_of_an_open_run_says_that_it_is_preliminary(product: Product, console: ServedConsole) -> None:
    run = product.start(make_plan(product))
    page = words(read_report(console, run).text)
    assert "Preliminary The run has not ended; this report is as of" in page
    product.finish(run)


def test_an_ended_report_is_made_once_for_many_readers_and_again_after_an_explicit_wish(
    product: Product, api: ApiHttpServer, console: ServedConsole
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    asked = ("GET", f"/executions/{run}/events")
    for _ in range(3):
        read_report(console, run)
    assert api.seen.count(asked) == 1
    answer = console.get(f"/runs/{run}/report?anew=1")
    assert (answer.status, answer.headers["location"]) == (303, f"/runs/{run}/report")
    read_report(console, run)
    assert api.seen.count(asked) == 2


def test_a_report_that_cannot_be_made_shows_why_and_is_tried_again(
    product: Product, api: ApiHttpServer, console: ServedConsole
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    path = ("GET", f"/executions/{run}/servers")
    api.refuse[path] = 403
    page = console.get(f"/runs/{run}/report")
    while page.status == 200:
        assert "is being made" in page.text
        page = console.get(f"/runs/{run}/report/summary")
    assert page.status == 403
    del api.refuse[path]
    assert "Result" in read_report(console, run).text


def test_who_waits_for_a_report_hears_how_far_it_is(product: Product, api: ApiHttpServer) -> None:
    run = product.drill(make_plan(product))["executionId"]
    client, heard = deployment_of(api).api, list[str]()
    collect_facts(client, client.get(f"/executions/{run}"), progress=heard.append)
    assert heard == ["0 of 3 servers are read", "reading events, networks and launch settings"]


# --- the list -------------------------------------------------------------------------------------------------------
def test_ended_runs_are_listed_by_plan_kind_and_day(product: Product, console: ServedConsole) -> None:
    first, second = make_plan(product), product.plan(make_wave(product, "db"), name=HOSTILE)
    drill = product.drill(first)
    readiness = product.finish(product.start(second, "readiness"))
    day = drill["requestedAt"][:10]
    assert HOSTILE not in console.get("/reports").text

    def listed(query: str = "") -> set[str]:
        html = console.get(f"/reports{query}").text
        return set(re.findall(r'<tr id="run-([^"]+)"', html))

    both = {drill["executionId"], readiness["executionId"]}
    assert listed() == both
    assert listed(f"?plan={first}") == {drill["executionId"]}
    assert listed("?mode=readiness") == {readiness["executionId"]}
    assert listed(f"?from={day}") == both
    assert listed("?to=2001-01-01") == set()
    assert listed("?from=2901-01-01") == set()


@pytest.mark.parametrize(
    "query", ["?from=yesterday", "?to=2026-13-01", "?mode=all", "?plan=a/b", f"?page={'x' * 5000}"]
)
def test_a_filter_that_is_none_is_refused(console: ServedConsole, query: str) -> None:
    assert console.get(f"/reports{query}").status == 400


@pytest.mark.real_durations
def test_a_run_that_has_not_ended_is_not_among_the_reports(product: Product, console: ServedConsole) -> None:
    run = product.start(make_plan(product))
    assert run not in console.get("/reports").text
    product.finish(run)


def test_what_happened_lately_has_starts_decisions_with_their_words_and_ends(
    product: Product, api: ApiHttpServer, console: ServedConsole
) -> None:
    wave = make_wave(product, "web", approval={"required": True})
    run = product.start(product.plan(wave))
    path = f"/executions/{run}"
    while not product.request("GET", path).body["waitingFor"]:
        time.sleep(0.02)
    approved = product.request("POST", f"{path}/waves/web/approve", {"comment": f"go {HOSTILE}"})
    assert approved.status == 200, approved
    product.finish(run)
    part = console.get("/reports/lately")
    assert HOSTILE not in part.text
    order = [words(row) for row in part.text.split("<tr>")[2:]]
    assert "ended" in order[0]
    assert "approve web" in order[1]
    assert f"go {HOSTILE}" in order[1]
    assert "drill requested" in order[2]
    asked = api.seen.count(("GET", path))
    assert console.get("/reports/lately").status == 200
    assert api.seen.count(("GET", path)) == asked


def test_the_clean_up_of_a_drill_is_among_what_happened_and_among_its_events(
    product: Product, console: ServedConsole
) -> None:
    run = product.drill(make_plan(product))["executionId"]
    path = f"/executions/{run}/cleanup"
    assert product.request("POST", path).status == 202
    while not product.request("GET", path).body["endedAt"]:
        time.sleep(0.02)
    for page in ("/reports/lately", f"/runs/{run}/events"):
        shown = words(console.get(page).text)
        assert "lean-up begun" in shown
        assert "3 of 3 instances terminated" in shown


def test_the_report_of_a_readiness_check_has_no_times_of_a_recovery(product: Product, console: ServedConsole) -> None:
    run = product.finish(product.start(make_plan(product), "readiness"))["executionId"]
    shown = read_report(console, run).text
    assert "Result" in shown
    assert "<dt>RTO</dt>" not in shown


def test_a_document_of_the_report_is_the_json_that_is_downloaded(product: Product, console: ServedConsole) -> None:
    run = product.drill(make_plan(product))["executionId"]
    document: dict[str, Any] = json.loads(console.get(f"/runs/{run}/report/report.json").text)
    assert document["executionId"] == run
    assert document["environment"] == "sandbox"  # an API without TLS is an emulator's
