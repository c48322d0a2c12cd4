"""Lists of the servers of a run: what selects servers, and pages."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.plans import make_wave
from tests.support.product import HUB, WEST, Product

UNKNOWN = "s-" + "0" * 17


def listed(product: Product, run: str, **query: str) -> list[dict[str, Any]]:
    """Every server that the parameters select, page by page."""
    found, more = list[dict[str, Any]](), dict[str, str]()
    while True:
        reply = product.request("GET", f"/executions/{run}/servers", **query, **more)
        assert reply.status == 200, reply
        assert len(reply.body["servers"]) <= int(query.get("limit", 50))
        found += reply.body["servers"]
        if reply.body["nextToken"] is None:
            return found
        more = {"nextToken": reply.body["nextToken"]}


def names(servers: list[dict[str, Any]]) -> list[str]:
    return [server["hostname"] or server["sourceServerId"] for server in servers]


# --- what selects servers ---------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def run() -> Iterator[tuple[Product, str]]:
    """A drill with servers that were launched, that failed, that were excluded, and that were never tried."""
    with Product() as product:
        bad = product.seed(2, prefix="bad", failsAt="LAUNCH")
        web = [product.group([*product.seed(3, prefix="web"), *bad, UNKNOWN])]
        app = make_wave(product, "app", count=2, dependsOn=["web"])
        plan = product.plan({"name": "web", "groups": web, "maxFailedPercent": 40}, app, launchAttempts=1)
        yield product, product.drill(plan)["executionId"]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, ["app-001", "app-002", "bad-001", "bad-002", UNKNOWN, "web-001", "web-002", "web-003"]),
        ({"wave": "app"}, ["app-001", "app-002"]),
        ({"wave": "nowhere"}, []),
        ({"status": "FAILED"}, ["bad-001", "bad-002"]),
        ({"status": "EXCLUDED"}, [UNKNOWN]),
        ({"status": "SKIPPED"}, ["app-001", "app-002"]),
        ({"status": "LAUNCHING"}, []),
        ({"wave": "web", "status": "LAUNCHED"}, ["web-001", "web-002", "web-003"]),
        ({"target": f"{HUB}/{WEST}", "status": "FAILED"}, ["bad-001", "bad-002"]),
        ({"target": f"{HUB}/eu-west-1"}, []),
        ({"wave": "web", "target": f"{HUB}/eu-west-1"}, []),
        ({"text": "WEB-00"}, ["web-001", "web-002", "web-003"]),
        ({"text": "does not know"}, [UNKNOWN]),
        ({"text": "no server has this"}, []),
    ],
)
@pytest.mark.parametrize("limit", ["1", "3", "1000"])
def test_wave_status_target_and_text_select_servers_on_pages_of_any_size(
    run: tuple[Product, str], query: dict[str, str], wanted: list[str], limit: str
) -> None:
    product, execution_id = run
    found = listed(product, execution_id, limit=limit, **query)
    assert sorted(names(found)) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "failed"),
        ("target", HUB),
        ("target", f"{HUB}/"),
        ("target", f"1/{WEST}"),
        ("text", "x" * 101),
        ("limit", "1001"),
    ],
)
def test_a_parameter_that_selects_nothing_possible_is_refused_by_name(
    run: tuple[Product, str], name: str, value: str
) -> None:
    product, execution_id = run
    reply = product.request("GET", f"/executions/{execution_id}/servers", **{name: value})
    assert reply.status == 400
    assert [problem["field"] for problem in reply.body["problems"]] == [name]


def test_the_token_of_another_run_list_or_wave_is_refused(run: tuple[Product, str]) -> None:
    product, execution_id = run
    path = f"/executions/{execution_id}/servers"
    token = product.request("GET", path, limit="1").body["nextToken"]
    other = product.drill(product.plan(make_wave(product, "other"), name="other"))["executionId"]
    batches = product.request("GET", f"/executions/{execution_id}/batches", limit="1").body["nextToken"]
    for where, query in [
        (f"/executions/{other}/servers", {"nextToken": token}),
        (path, {"nextToken": token, "wave": "web"}),
        (path, {"nextToken": token, "status": "EXCLUDED"}),
        (path, {"nextToken": batches}),
    ]:
        reply = product.request("GET", where, **query)
        assert (reply.status, reply.body["problems"][0]["field"]) == (400, "nextToken"), (where, query)
