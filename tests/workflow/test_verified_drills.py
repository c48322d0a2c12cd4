"""A drill with checks and actions as its people see it: status, answers, lists, messages and the report."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.action_runs import wait_for_action
from tests.support.api_http_server import ApiHttpServer
from tests.support.product import WEST, Product
from tests.support.report_facts import Page
from tests.support.report_schema import list_violations
from tests.support.runs import wait_until_asked_for
from tests.support.shops import open_shop, rule

FREEZE = {"name": "freeze-writes", "ssmAutomation": {"document": "Shop-FreezeWrites"}}
SIGN_OFF = {"name": "sign-off", "manual": {"instructions": "Place an order and look for it."}}
HTTP = {"http": {"port": 8080, "path": "/health"}}


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


def command(server: ApiHttpServer, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", server.url, "--region", WEST], env={"COLUMNS": "200"})


def shop(product: Product, **more: Any) -> str:
    """A plan whose wave has checks, an action before it, and a person who signs it off."""
    open_shop(product)
    group = product.group(product.seed(2, prefix="web"))
    wave = {"name": "web", "groups": [group], "checks": ["agent", HTTP], "checksTimeoutMinutes": 60, "onFailure": "ask"}
    return product.plan({**wave, "before": [FREEZE], "after": [SIGN_OFF], **more})


def test_a_drill_is_verified_signed_off_and_reported_with_who_did_it(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    failing = rule(product, "COMMAND", hostname="web-002", effect="FAILS", exitCode=1, stdout="got 503")
    run = product.start(shop(product))
    wait_until_asked_for(product, run, "DECISION")
    shown = command(api_server, "status", run).stdout
    assert "checks of web: 1 of 2 verified; unverified at http :8080/health 1" in shown
    assert f"drs-waves verify {run} web" in shown
    assert "got 503" in shown

    product.emulator.control.remove_rules(failing)
    answered = command(api_server, "verify", run, "web", "--comment", "port opened")
    assert answered.exit_code == 0, answered.output
    wait_for_action(product, run, "sign-off", "WAITING")
    waiting = command(api_server, "list", "--waiting").stdout
    assert "action sign-off of wave web waits for a person to confirm it" in waiting
    assert "Place an order and look for it:" in waiting
    silent = command(api_server, "answer", run, "sign-off", "confirm")
    assert (silent.exit_code, "needs a comment" in silent.stderr) == (2, True), silent.output
    unknown = command(api_server, "answer", run, "sign-of", "confirm", "--comment", "seen")
    assert (unknown.exit_code, "Did you mean sign-off?" in unknown.stderr) == (3, True), unknown.output
    done = command(api_server, "answer", run, "sign-off", "confirm", "--comment", "an order went through")
    assert "confirm is recorded" in done.stdout, done.output
    record = product.finish(run)
    assert record["status"] == "COMPLETED", record

    listed = json.loads(command(api_server, "actions", run, "--json").stdout)["actions"]
    assert {each["name"]: each["status"] for each in listed} == {"freeze-writes": "SUCCEEDED", "sign-off": "SUCCEEDED"}
    written = command(api_server, "report", run, "--to", str(tmp_path))
    assert written.exit_code == 0, written.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert list_violations(report) == []
    assert {each["check"]: (each["passed"], each["failed"]) for each in report["checks"]} == {
        "agent": (2, 0),
        "http :8080/health": (2, 0),
    }
    freeze, sign_off = report["actions"]
    assert "Drained: 17" in freeze["output"]
    assert [each["comment"] for each in sign_off["decisions"]] == ["an order went through"]
    assert (
        0 < report["rto"]["toLaunchedSeconds"] < report["rto"]["toVerifiedSeconds"] < report["rto"]["whole"]["seconds"]
    )
    (waited,) = [wait for wait in report["waits"] if wait["for"] == "action"]
    assert (waited["action"], waited["wave"]) == ("sign-off", "web")
    words = Page((tmp_path / "report.html").read_text()).text
    assert "an order went through" in words
    assert "2 verified, 0 unverified" in words
    assert "VERIFIED" in (tmp_path / "servers.csv").read_text()
    assert command(api_server, "report", "--verify", str(tmp_path)).exit_code == 0


def test_a_drill_can_leave_the_actions_of_its_plan_out(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    plan = shop(product, checks=[])
    run = command(api_server, "run", plan, "--actions", "skip", "--no-wait", "--json")
    # The functions run in this process, and print their metrics, each in a line.
    started, _ = json.JSONDecoder().raw_decode(run.stdout[run.stdout.index("{\n") :])
    record = product.finish(started["executionId"])
    assert (record["status"], record["actionsOption"]) == ("COMPLETED", "skip"), record
    assert {each["status"] for each in record["actions"]} == {"SKIPPED"}
    command(api_server, "report", record["executionId"], "--to", str(tmp_path))
    words = Page((tmp_path / "report.html").read_text()).text
    assert "The drill was started without the actions of its plan" in words


def test_a_recovery_cannot_leave_them_out(product: Product, api_server: ApiHttpServer) -> None:
    refused = command(api_server, "run", "shop", "--mode", "recovery", "--actions", "verifyOnly", "--yes")
    assert refused.exit_code == 2
    assert "is for drills" in refused.stderr
