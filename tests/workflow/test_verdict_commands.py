"""`drs-waves verdict`, `drill-findings`, and what `status` and the report say of them, through HTTP."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands.drills import verdicts
from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.drilled_plans import assess, record
from tests.support.plans import make_wave
from tests.support.product import WEST, Product

FAR = "2099-12-31"
TEXT = ("--title", "DNS by hand", "--owner", "network team", "--due", FAR)


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


@pytest.fixture
def drill(product: Product) -> str:
    """A drill of the plan `shop` that has ended."""
    return str(product.drill(product.plan(make_wave(product), name="shop"))["executionId"])


def run(api_server: ApiHttpServer, *words: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST], input=answers)


def own(text: str) -> str:
    """What the command printed. The product's functions run in this process, and log in JSON lines."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(('{"level"', '{"_aws"')))


def succeed(api_server: ApiHttpServer, *words: str, answers: str | None = None) -> str:
    result = run(api_server, *words, answers=answers)
    assert result.exit_code == 0, result.output
    return own(result.output)


def open_finding(api_server: ApiHttpServer, drill: str) -> str:
    text = succeed(api_server, "drill-findings", "open", drill, *TEXT, "--json")
    return str(json.loads(text)["findingId"])


def test_a_verdict_is_given_and_status_shows_it_and_suggests_it_no_more(
    product: Product, api_server: ApiHttpServer, drill: str
) -> None:
    before = succeed(api_server, "status", drill)
    assert f"drs-waves verdict {drill} --accept" in before
    assert "people:" not in before
    told = succeed(api_server, "verdict", drill, "--accept", "--comment", "orders went through")
    assert f"{drill} is accepted by" in told
    assert assess(product, drill)["verdict"]["comment"] == "orders went through"
    after = succeed(api_server, "status", drill)
    assert "people: accepted by" in after
    assert "orders went through" in after
    assert "--accept" not in after


def test_status_suggests_no_clean_up_of_instances_that_are_gone(
    product: Product, api_server: ApiHttpServer, drill: str
) -> None:
    assert f"drs-waves cleanup {drill}" in succeed(api_server, "status", drill)
    assert product.request("POST", f"/executions/{drill}/cleanup", {}).status == 202
    product.engine.executions("clean-up-drill")[-1].wait(60)
    assert "drs-waves cleanup" not in succeed(api_server, "status", drill)


def test_status_says_that_a_drill_does_not_count(product: Product, api_server: ApiHttpServer, drill: str) -> None:
    succeed(api_server, "verdict", drill, "--reject", "--comment", "orders failed")
    record(product, drill, "verdict")
    told = succeed(api_server, "status", drill)
    assert "the drill does not count: " in told
    assert "people: rejected by" in told


def test_a_rejection_asks_for_its_reason_on_a_terminal_and_needs_it_elsewhere(
    product: Product, api_server: ApiHttpServer, drill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = run(api_server, "verdict", drill, "--reject")
    assert refused.exit_code == 2
    assert "give --comment. No verdict was given." in own(refused.output)
    monkeypatch.setattr(verdicts, "has_terminal", lambda: True)
    assert run(api_server, "verdict", drill, "--reject", answers="\n").exit_code == 3
    assert assess(product, drill)["verdict"] is None
    told = succeed(api_server, "verdict", drill, "--reject", answers="orders failed\n")
    assert f"drs-waves drill-findings open {drill}" in told
    assert assess(product, drill)["verdict"]["comment"] == "orders failed"


@pytest.mark.parametrize(
    ("options", "says"),
    [((), "give --accept or --reject"), (("--accept", "--reject"), "give one of --accept and --reject")],
)
def test_a_verdict_is_one_of_the_two(api_server: ApiHttpServer, options: tuple[str, ...], says: str) -> None:
    refused = run(api_server, "verdict", "drill-20261122-081530-4f1c09", *options)
    assert refused.exit_code == 2
    assert says in refused.output


def test_latest_must_be_confirmed_and_a_readiness_run_is_refused(
    product: Product, api_server: ApiHttpServer, drill: str
) -> None:
    assert run(api_server, "verdict", "latest", "--accept").exit_code == 2
    succeed(api_server, "verdict", "latest", "--accept", "--yes")
    assert assess(product, drill)["verdict"]["verdict"] == "ACCEPTED"
    readiness = product.start(product.record(drill)["planId"], "readiness")
    product.finish(readiness)
    refused = run(api_server, "verdict", readiness, "--accept")
    assert (refused.exit_code, "VerdictRefused" in refused.output) == (3, True)


def test_the_same_command_with_its_key_counts_once(product: Product, api_server: ApiHttpServer, drill: str) -> None:
    words = ("--reject", "--comment", "x", "--idempotency-key", "one", "--json")
    first = json.loads(succeed(api_server, "verdict", drill, *words))
    succeed(api_server, "verdict", drill, "--accept")
    assert json.loads(succeed(api_server, "verdict", drill, *words))["version"] == 2
    assert (first["version"], first["verdict"]) == (1, "REJECTED")


def test_a_finding_is_opened_listed_closed_and_opened_again(api_server: ApiHttpServer, drill: str) -> None:
    told = succeed(api_server, "drill-findings", "open", drill, *TEXT, "--description", "no action does it")
    assert "is open: network team sees to it until 2099-12-31" in told
    finding = next(word for word in told.split() if word.startswith("df-"))
    listed = succeed(api_server, "drill-findings", "list")
    assert f"{finding}  open" in listed
    assert "network team" in listed
    assert "people: 1 drill finding open" in succeed(api_server, "status", drill)
    assert f"{finding} DNS by hand is closed" in succeed(
        api_server, "drill-findings", "close", finding, "--comment", "an action does it"
    )
    assert "There are no such drill findings." in succeed(api_server, "drill-findings", "list", "shop", "--open")
    assert "There are no such drill findings." in succeed(api_server, "drill-findings", "list", "--overdue")
    rows = list(csv.DictReader(io.StringIO(succeed(api_server, "drill-findings", "list", "shop", "-o", "csv"))))
    assert [(row["status"], row["closingComment"], row["planName"]) for row in rows] == [
        ("CLOSED", "an action does it", "shop")
    ]
    plan_id = rows[0]["planId"]
    reopened = succeed(
        api_server, "drill-findings", "reopen", finding, "--plan", plan_id, "--comment", "it is back", "--json"
    )
    assert json.loads(reopened)["status"] == "OPEN"
    refused = run(api_server, "drill-findings", "reopen", finding, "--plan", "shop", "--comment", "again")
    assert (refused.exit_code, "DrillFindingRefused" in refused.output) == (3, True)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("close", "df-000000000000", "--comment", "x"), 3, "No plan has a drill finding df-000000000000"),
        (("close", "../x", "--comment", "x"), 2, "is not the id of a drill finding"),
        (("list", "nowhere"), 3, "There is no plan"),
    ],
)
def test_what_does_not_exist_is_refused_in_words(
    api_server: ApiHttpServer, drill: str, words: tuple[str, ...], status: int, says: str
) -> None:
    result = run(api_server, "drill-findings", *words)
    assert (result.exit_code, says in result.output) == (status, True), result.output


def test_a_wrong_due_date_is_refused_before_or_by_the_api(api_server: ApiHttpServer, drill: str) -> None:
    words = ("drill-findings", "open", drill, "--title", "x", "--owner", "y", "--due")
    assert run(api_server, *words, "tomorrow").exit_code == 2
    past = run(api_server, *words, "2020-01-01")
    assert past.exit_code in (1, 3)
    assert "must not be in the past" in past.output


def test_the_report_has_the_verdict_and_the_findings_and_its_files_belong_together(
    api_server: ApiHttpServer, drill: str, tmp_path: Path
) -> None:
    open_finding(api_server, drill)
    succeed(api_server, "verdict", drill, "--reject", "--comment", "orders failed")
    succeed(api_server, "report", drill, "--to", str(tmp_path))
    document = json.loads((tmp_path / "report.json").read_text())
    assert document["assessment"]["verdict"]["comment"] == "orders failed"
    assert document["assessment"]["verdict"]["bySamePerson"] is True
    assert [each["title"] for each in document["assessment"]["findings"]] == ["DNS by hand"]
    page = (tmp_path / "report.html").read_text()
    assert "✗ rejected" in page
    assert "DNS by hand" in page
    verified = CliRunner().invoke(app, ["report", "--verify", str(tmp_path)])
    assert verified.exit_code == 0, verified.output
