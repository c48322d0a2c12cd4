"""The commands of the group `schedule`: local times beside UTC, what became of appointments, and pauses."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.drill_schedules import go_to, look, make_scheduled, next_of
from tests.support.product import ANA, WEST, Product


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["schedule", *words, "--api-url", api_server.url, "--region", WEST])
    assert result.exit_code == status, result.output
    return result


def printed_json(result: Result) -> dict[str, object]:
    lines = (line for line in result.stdout.splitlines() if not line.startswith(('{"level"', '{"_aws"')))
    answer: dict[str, object] = json.loads("".join(lines))
    return answer


def test_appointments_are_shown_in_the_zone_of_the_policy_and_in_utc(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = make_scheduled(product, name="shop", schedule="30 4 * * *", timezone="Asia/Kolkata")
    (first, _) = next_of(product, plan, 2)
    utc = datetime.fromtimestamp(first, UTC).strftime("%Y-%m-%d %H:%M")
    assert utc.endswith("23:00")
    listed = run(api_server, "list").output
    assert "30 4 * * * Asia/Kolkata" in listed
    assert " 04:30 IST" in listed
    assert utc in listed
    shown = run(api_server, "next", "sho", "--count", "3").output
    assert shown.count("04:30 IST") == 4, "three rows, and the line below"
    answer = printed_json(run(api_server, "next", "shop", "--count", "2", "--json"))
    assert answer["planId"] == plan
    assert isinstance(answer["next"], list)
    assert [each["local"][-9:] for each in answer["next"]] == ["04:30 IST"] * 2


def test_a_pause_says_who_made_it_and_how_to_end_it(product: Product, api_server: ApiHttpServer) -> None:
    plan = make_scheduled(product, name="shop")
    paused = run(api_server, "pause", "shop", "--comment", "frozen").output
    assert "shop is paused since" in paused
    assert "frozen" in paused
    assert f"drs-waves schedule resume {plan}" in paused
    assert " paused " in run(api_server, "list").output
    assert "paused" not in run(api_server, "resume", "shop").output
    (at,) = next_of(product, plan, 1)
    go_to(product, at + 60)
    look(product)
    shown = run(api_server, "next", "shop").output
    assert "STARTED  drill-" in shown


def test_a_plan_without_policy_has_nothing_to_pause(product: Product, api_server: ApiHttpServer) -> None:
    product.plan({"name": "db", "groups": [product.group(product.seed(1))]}, name="shop")
    assert "No plan has a drill policy" in run(api_server, "list").output
    assert "shop has no drill policy" in run(api_server, "next", "shop").output
    refused = run(api_server, "pause", "shop", status=3).output
    assert "has no drillPolicy" in refused
    assert ANA not in refused
