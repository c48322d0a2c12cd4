"""The commands about readiness that start nothing: `readiness --last`, `findings` and the column of `plans`."""

import json
import re
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.product import WEST, Product


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST])
    assert result.exit_code == status, result.output
    return result


def make_plan(product: Product, **servers: str) -> str:
    group = product.group(product.seed(2, prefix="db", **servers))
    return product.plan({"name": "db", "groups": [group]}, name="shop", readinessEveryHours=24)


def test_a_plan_that_was_never_checked_leads_to_its_check(product: Product, api_server: ApiHttpServer) -> None:
    plan = make_plan(product)
    shown = run(api_server, "readiness", "shop", "--last").output
    assert "The readiness of shop has not been checked" in shown
    assert f"drs-waves readiness {plan}" in shown
    assert not product.request("GET", "/executions").body["executions"], "nothing was started"


def test_the_last_answer_has_its_age_its_findings_and_what_a_drill_costs(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = make_plan(product, replicationState="STOPPED")
    check = product.start(plan, "readiness")
    product.finish(check)
    shown = run(api_server, "readiness", "sho", "--last", status=3).output
    assert re.search(rf"shop was NOT_READY \d+ min ago \({check}\)", shown)
    assert "blocking: NO_SNAPSHOT, REPLICATION_STOPPED" in shown
    assert "checked every 24 hours, next at " in shown
    assert f"drs-waves findings {check}" in shown
    printed = run(api_server, "readiness", "shop", "--last", "--json", status=3).stdout.splitlines()
    answer = json.loads("".join(line for line in printed if not line.startswith(('{"level"', '{"_aws"'))))
    assert answer["status"] == "NOT_READY"


def test_what_a_drill_costs_is_shown_with_what_is_assumed(product: Product, api_server: ApiHttpServer) -> None:
    plan = make_plan(product)
    product.finish(product.start(plan, "readiness"))
    shown = run(api_server, "readiness", "shop", "--last", "--hours", "24").output
    assert "a drill of 2 servers for 24 h costs about " in shown
    assert "instances run for 24 h, as asked" in shown


def test_findings_are_listed_with_what_to_do(product: Product, api_server: ApiHttpServer) -> None:
    check = product.start(make_plan(product, replicationState="STOPPED"), "readiness")
    product.finish(check)
    shown = run(api_server, "findings", check).output
    assert "REPLICATION_STOPPED" in shown
    assert "aws drs start-replication" in shown
    assert "Networks that drills launch into:" in shown
    rows = run(api_server, "findings", check, "--output", "csv").stdout
    assert "severity,code,servers,title" in rows


def test_the_list_of_plans_has_the_last_answer_and_its_age(product: Product, api_server: ApiHttpServer) -> None:
    plan = make_plan(product)
    assert "checked ago" not in run(api_server, "plans").output
    product.finish(product.start(plan, "readiness"))
    shown = run(api_server, "plans").output
    assert "READY" in shown
    assert re.search(r"\d min", shown)


@pytest.mark.parametrize("words", [("--last", "--no-wait"), ("--last", "--report", "x"), ("--hours", "3")])
def test_options_that_do_not_go_together_are_refused(
    product: Product, api_server: ApiHttpServer, words: tuple[str, ...]
) -> None:
    make_plan(product)
    run(api_server, "readiness", "shop", *words, status=2)


def test_a_plan_that_is_ready_with_warnings_says_what_they_are(product: Product, api_server: ApiHttpServer) -> None:
    check = product.start(make_plan(product), "readiness")
    product.finish(check)
    path = f"/executions/{check}/findings"
    warned = {each["code"] for each in product.request("GET", path).body["findings"] if each["severity"] == "WARNING"}
    assert warned, "without a warning, nothing is tested here"
    shown = run(api_server, "watch", check).output
    assert "READY" in shown
    assert {code for code in warned if f"WARNING   {code}: " in shown} == warned, shown[-900:]
