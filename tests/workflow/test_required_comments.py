"""With `commentsRequired`, a failed wave is accepted or aborted with a reason only: API, record and command."""

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.plans import make_failing_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import wait_until_asked_for, wave_statuses


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST], input=answer)


def start_run_that_asks(product: Product, *, required: bool = True) -> str:
    """The id of a run whose wave has failed and waits for a decision."""
    wave = make_failing_wave(product, "web", onFailure="ask")
    run_id = product.start(product.plan(wave, launchAttempts=1, commentsRequired=required))
    wait_until_asked_for(product, run_id, "DECISION")
    return run_id


@pytest.mark.parametrize(("decision", "status"), [("accept", "PARTIAL"), ("abort", "FAILED")])
def test_a_failed_wave_is_accepted_or_aborted_with_a_comment_only(product: Product, decision: str, status: str) -> None:
    run_id = start_run_that_asks(product)
    assert product.record(run_id)["commentsRequired"] is True
    path = f"/executions/{run_id}/waves/web/{decision}"
    refused = product.request("POST", path)
    assert (refused.status, refused.body["code"]) == (400, "InvalidRequest")
    message = f"is missing; the plan has commentsRequired, so {decision} needs the reason"
    assert refused.body["problems"] == [{"field": "comment", "message": message}]
    assert product.record(run_id)["decisions"] == []
    assert product.request("POST", path, {"comment": "one server is enough"}).status == 200
    ended = product.finish(run_id)
    assert wave_statuses(ended) == {"web": status}
    assert [each["comment"] for each in ended["decisions"]] == ["one server is enough"]


def test_other_decisions_need_no_comment(product: Product) -> None:
    run_id = start_run_that_asks(product)
    assert product.request("POST", f"/executions/{run_id}/waves/web/retry").status == 200
    assert product.request("POST", f"/executions/{run_id}/cancel").status == 200


def test_a_plan_without_the_option_needs_no_comment(product: Product) -> None:
    run_id = start_run_that_asks(product, required=False)
    assert product.record(run_id)["commentsRequired"] is False
    assert product.request("POST", f"/executions/{run_id}/waves/web/accept").status == 200


def test_a_run_keeps_what_its_plan_required_and_so_does_its_continuation(product: Product) -> None:
    run_id = start_run_that_asks(product)
    plan_id = product.record(run_id)["planId"]
    plan = product.request("GET", f"/recovery-plans/{plan_id}").body
    body = {name: plan[name] for name in ("name", "waves", "launchAttempts", "version")}
    assert product.request("PUT", f"/recovery-plans/{plan_id}", body).status == 200
    assert product.request("POST", f"/executions/{run_id}/waves/web/abort").status == 400
    assert product.request("POST", f"/executions/{run_id}/waves/web/abort", {"comment": "no"}).status == 200
    product.finish(run_id)
    again = product.request("POST", f"/executions/{run_id}/continue").body["executionId"]
    wait_until_asked_for(product, again, "DECISION")
    assert product.request("POST", f"/executions/{again}/waves/web/accept").status == 400


@pytest.mark.parametrize(
    ("answer", "status", "words", "decisions"),
    [
        ("one is enough\n", 0, "accept is recorded", ["one is enough"]),
        ("\n", 3, "A reason is required. Nothing was decided.", []),
        ("", 3, "There was no answer. Nothing was decided.", []),
    ],
)
def test_on_a_terminal_the_command_asks_for_the_reason(
    product: Product,
    api_server: ApiHttpServer,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
    words: str,
    decisions: list[str],
) -> None:
    run_id = start_run_that_asks(product)
    monkeypatch.setattr("cli.commands.decisions.has_terminal", lambda: True)
    result = run(api_server, "accept", run_id, "web", answer=answer)
    assert result.exit_code == status, result.output
    assert "The plan requires a reason. Why do you accept web?" in result.stderr
    assert words in result.output
    assert [each["comment"] for each in product.record(run_id)["decisions"]] == decisions


def test_no_reason_is_asked_for_a_decision_that_would_be_refused_anyway(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = make_failing_wave(product, "web", onFailure="ask", approval={"required": True})
    options = {"launchAttempts": 1, "commentsRequired": True, "fourEyes": True}
    run_id = product.start(product.plan(wave, **options))
    wait_until_asked_for(product, run_id, "APPROVAL")
    monkeypatch.setattr("cli.commands.decisions.has_terminal", lambda: True)
    early = run(api_server, "accept", run_id, "web", answer="fine\n")
    assert (early.exit_code, "wave web is AWAITING_APPROVAL" in early.stderr) == (3, True), early.output
    other = f"arn:aws:iam::{HUB}:user/ben"
    approved = product.request("POST", f"/executions/{run_id}/waves/web/approve", caller=other)
    assert approved.status == 200, approved
    wait_until_asked_for(product, run_id, "DECISION")
    own = run(api_server, "accept", run_id, "web", answer="fine\n")
    assert (own.exit_code, "another person" in own.stderr) == (3, True), own.output
    for refused in (early, own):
        assert "Why do you accept" not in refused.output
    assert [each["decision"] for each in product.record(run_id)["decisions"]] == ["approve"]


@pytest.mark.parametrize("decision", ["accept", "abort"])
def test_without_a_terminal_a_missing_reason_is_refused_before_anything_is_sent(
    product: Product, api_server: ApiHttpServer, decision: str
) -> None:
    run_id = start_run_that_asks(product)
    result = run(api_server, decision, run_id, "web")
    assert result.exit_code == 2
    assert "there is no terminal to ask on: give --comment. Nothing was decided." in result.stderr
    assert [method for method, _ in api_server.seen if method != "GET"] == []
    assert run(api_server, "abort", run_id, "web", "--comment", "no capacity").exit_code == 0
