"""The report of real runs: its schema, its files, and what it says of outages, clean-ups and chains."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import ANA, WEST, Product
from tests.support.report_schema import list_violations
from tests.support.runs import decide, wait_until_asked_for

FAST = ("--interval", "0.2")


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST])


def report(api_server: ApiHttpServer, run_id: str, folder: Path) -> dict[str, Any]:
    """The report of the run, which is as its schema has it."""
    result = run(api_server, "report", run_id, "--to", str(folder))
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads((folder / "report.json").read_text())
    assert list_violations(document) == []
    return document


def test_a_drill_with_failures_decisions_and_an_outage(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    first = make_failing_wave(product, "app", onFailure="ask", rtoTargetMinutes=60)
    second = make_wave(product, "web", dependsOn=["app"], approval={"required": True})
    plan = product.plan(first, second, rpoTargetMinutes=15, rtoTargetMinutes=600, launchAttempts=2)
    product.fault("THROTTLING", operation="StartRecovery", count=30)
    run_id = product.start(plan)
    wait_until_asked_for(product, run_id, "DECISION")
    assert decide(product, run_id, "waves/app/accept", "one is enough").status == 200
    wait_until_asked_for(product, run_id, "APPROVAL")
    assert decide(product, run_id, "waves/web/approve").status == 200
    product.finish(run_id)
    document = report(api_server, run_id, tmp_path)
    assert document["verdict"]["status"] == "PARTIAL"
    assert [(each["decision"], each["bySamePerson"]) for each in document["decisions"]] == [
        ("accept", True),
        ("approve", True),
    ]
    assert (document["plan"]["version"], document["plan"]["updatedBy"]) == (1, ANA)
    members = [each["hostname"] for group in document["groups"] for each in group["members"]]
    assert sorted(members) == ["bad-001", "good-001", "web-001"]
    attempts = {each["hostname"]: each["attempts"] for each in document["sourceServers"]}
    assert attempts == {"bad-001": 2, "good-001": 1, "web-001": 1}
    assert document["outages"]
    assert {each["wave"] for each in document["outages"]} == {"app"}
    html = (tmp_path / "report.html").read_text()
    assert 'class="outage"' in html
    assert "may be who started the run" in html


def test_the_report_of_a_drill_says_whether_it_was_cleaned_up(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    plan = product.plan(make_wave(product, count=2))
    result = run(api_server, "run", plan, "--cleanup", "--report", str(tmp_path), *FAST)
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "report.json").read_text())
    assert list_violations(document) == []
    shown = re.findall(r"SHA-256 ([0-9a-f]{64})", result.stdout)
    assert shown == [hashlib.sha256((tmp_path / "report.json").read_bytes()).hexdigest()]
    assert document["environment"] == "sandbox"
    checked = CliRunner().invoke(app, ["report", "--verify", str(tmp_path)])
    assert (checked.exit_code, shown[0] in checked.stdout) == (0, True)
    assert document["cleanup"]["status"] == "COMPLETED"
    assert document["cleanup"]["instances"] == {"total": 2, "terminated": 2, "failed": 0}
    assert "2 of 2 instances terminated" in (tmp_path / "report.html").read_text()
    other = product.drill(product.plan(make_wave(product, "other")))
    assert report(api_server, other["executionId"], tmp_path / "other")["cleanup"]["status"] == "NONE"
    assert "No clean-up had been started" in (tmp_path / "other" / "report.html").read_text()


def test_the_report_of_a_readiness_check_a_recovery_and_a_run_that_goes_on(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    plan = product.plan(make_wave(product, approval={"required": True}))
    for mode in ("readiness", "recoveries"):
        run_id = product.start(plan, mode)
        if mode == "recoveries":
            wait_until_asked_for(product, run_id, "APPROVAL")
            report(api_server, run_id, tmp_path)
            decide(product, run_id, "waves/web/approve")
        product.finish(run_id)
        assert report(api_server, run_id, tmp_path)["cleanup"] is None


def test_the_report_of_a_continuation_has_the_time_of_its_chain(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    wave = make_wave(product, approval={"required": True})
    first = product.start(product.plan(wave, rtoTargetMinutes=600))
    wait_until_asked_for(product, first, "APPROVAL")
    assert decide(product, first, "waves/web/reject").status == 200
    product.finish(first)
    second = product.request("POST", f"/executions/{first}/continue").body["executionId"]
    wait_until_asked_for(product, second, "APPROVAL")
    assert decide(product, second, "waves/web/approve").status == 200
    product.finish(second)
    chain = report(api_server, second, tmp_path)["rto"]["chain"]
    whole = report(api_server, second, tmp_path)["rto"]["whole"]
    assert (chain["targetMinutes"], chain["met"]) == (600, True)
    assert chain["seconds"] > whole["seconds"]


def test_a_wait_that_a_cancel_ended_counts(product: Product, api_server: ApiHttpServer, tmp_path: Path) -> None:
    run_id = product.start(product.plan(make_wave(product, pauseBefore=True)))
    wait_until_asked_for(product, run_id, "RESUME")
    assert decide(product, run_id, "cancel").status == 200
    product.finish(run_id)
    (wait,) = report(api_server, run_id, tmp_path)["waits"]
    assert (wait["wave"], wait["for"], wait["by"], wait["until"] is not None) == ("web", "resume", ANA, True)


@pytest.mark.parametrize("option", ["--to", "--report", None])
def test_a_report_goes_to_the_folder_by_either_name_and_else_to_one_named_after_the_run(
    product: Product, api_server: ApiHttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str | None
) -> None:
    run_id = product.drill(product.plan(make_wave(product)))["executionId"]
    here, named = tmp_path / "here", tmp_path / "named"
    here.mkdir()
    monkeypatch.chdir(here)
    result = run(api_server, "report", run_id, *((option, str(named)) if option else ()))
    assert result.exit_code == 0, result.output
    folder = named if option else here / run_id
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "servers.csv"]
    shown = named if option else Path(run_id)
    for name in ("report.html", "report.json", "servers.csv"):
        assert str(shown / name) in result.stdout
    assert "SHA-256" in result.stdout
    shutil.rmtree(folder)
