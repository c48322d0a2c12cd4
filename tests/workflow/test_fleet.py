"""Accounts and Regions in the API: the circuit breaker of each, and what drills have left running there."""

from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from recovery.clock import parse_iso
from recovery.drs.circuit_breaker import MAX_REASON
from tests.support.api_http_server import ApiHttpServer
from tests.support.instance_cache import sync
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product

CLOSED = {"state": "closed", "failures": 0, "since": None, "until": None, "reason": None}


def set_regions(product: Product, account_id: str, *regions: str) -> None:
    (row,) = [row for row in product.items("TargetAccounts") if row["accountId"] == account_id]
    product.put("TargetAccounts", {**row, "regions": list(regions)})


def read_capacity(product: Product) -> dict[str, Any]:
    body: dict[str, Any] = product.request("GET", f"/capacity/{HUB}/{WEST}").body
    return body


def read_drills(product: Product, **query: str) -> dict[str, Any]:
    reply = product.request("GET", "/recovery-instances/drills", **query)
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.body
    return body


@pytest.fixture
def drilled(product: Product) -> tuple[Product, dict[str, Any]]:
    """A drill of three servers here and two in another account and Region, and a sync after it."""
    set_regions(product, HUB, WEST)
    set_regions(product, OTHER, EUROPE)
    here = product.group(product.seed(3))
    there = product.group(product.seed(2, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    record = product.drill(product.plan({"name": "web", "groups": [here, there]}))
    assert record["status"] == "COMPLETED", record
    sync(product)
    return product, record


# --- circuits -------------------------------------------------------------------------------------------------------
def test_a_target_that_answers_has_a_closed_circuit(product: Product) -> None:
    product.seed(1)
    assert read_capacity(product)["circuit"] == CLOSED


def test_a_target_that_does_not_answer_shows_when_its_circuit_opened_why_and_until_when(product: Product) -> None:
    product.seed(1)
    set_regions(product, HUB, WEST)
    set_regions(product, OTHER, EUROPE)
    product.seed(1, account=OTHER, region=EUROPE)
    product.fault("REGION_DOWN", accountId=HUB, region=WEST)
    while (entry := read_capacity(product))["circuit"]["state"] == "closed":
        assert entry["status"] == "UNREACHABLE"
    circuit = entry["circuit"]
    assert circuit["state"] == "open"
    assert circuit["failures"] >= 5
    assert parse_iso(circuit["until"]) - parse_iso(circuit["since"]) == 60
    assert 0 < len(circuit["reason"]) <= MAX_REASON
    everywhere = product.request("GET", "/capacity").body["targets"]
    assert {each["accountId"]: each["circuit"]["state"] for each in everywhere}[OTHER] == "closed"


def test_a_circuit_that_an_earlier_version_opened_has_no_reason(product: Product) -> None:
    product.seed(1)
    opened = {"target": f"{HUB}/{WEST}", "item": "CIRCUIT", "state": "open", "failures": 5, "openedAt": 4_000_000_000}
    product.put("Limits", opened)
    circuit = read_capacity(product)["circuit"]
    assert (circuit["state"], circuit["reason"]) == ("open", None)


# --- what drills have left running ----------------------------------------------------------------------------------
def test_drills_that_still_run_are_summed_by_run_and_target_with_their_cost(
    drilled: tuple[Product, dict[str, Any]],
) -> None:
    product, record = drilled
    body = read_drills(product)
    assert body["unread"] == []
    drills = {each["accountId"]: each for each in body["drills"]}
    assert {account: each["instances"] for account, each in drills.items()} == {HUB: 3, OTHER: 2}
    assert {each["executionId"] for each in drills.values()} == {record["executionId"]}
    assert {each["planId"] for each in drills.values()} == {record["planId"]}
    rows = [row for row in product.items("RecoveryInstances") if row["target"] == f"{HUB}/{WEST}"]
    assert drills[HUB]["since"] == min(row["launchTime"] for row in rows)
    assert sum(drills[HUB]["types"].values()) == 3
    hours = [(parse_iso(body["at"]) - parse_iso(row["launchTime"])) / 3_600 for row in rows]
    by_hour = drills[HUB]["usdPerHour"]
    assert by_hour > 0
    assert drills[HUB]["usdSoFar"] == pytest.approx(by_hour / 3 * sum(hours), abs=0.01)


def test_only_targets_in_which_the_sync_found_instances_are_read_and_they_come_in_pages(
    drilled: tuple[Product, dict[str, Any]],
) -> None:
    product, _ = drilled
    first = read_drills(product, limit="1")
    second = read_drills(product, limit="1", nextToken=first["nextToken"])
    assert [each["accountId"] for page in (first, second) for each in page["drills"]] == [HUB, OTHER]
    assert second["nextToken"] is None


def test_an_instance_that_is_stopped_is_counted_and_costs_nothing_by_the_hour(
    drilled: tuple[Product, dict[str, Any]],
) -> None:
    product, _ = drilled
    row = next(row for row in product.items("RecoveryInstances") if row["target"] == f"{OTHER}/{EUROPE}")
    before = next(each for each in read_drills(product)["drills"] if each["accountId"] == OTHER)
    product.put("RecoveryInstances", {**row, "ec2InstanceState": "STOPPED"})
    after = next(each for each in read_drills(product)["drills"] if each["accountId"] == OTHER)
    assert after["instances"] == before["instances"] == 2
    assert after["usdPerHour"] == pytest.approx(before["usdPerHour"] / 2)


def test_after_its_clean_up_a_drill_is_gone_from_the_sum(drilled: tuple[Product, dict[str, Any]]) -> None:
    product, record = drilled
    path = f"/executions/{record['executionId']}/cleanup"
    assert product.request("POST", path).status == 202
    while product.request("GET", path).body["status"] == "RUNNING":
        pass
    assert read_drills(product)["drills"] == []


WRONG = [{"limit": "0"}, {"nextToken": "bad"}, {"planId": "rp-1"}]  # pragma: allowlist secret


@pytest.mark.parametrize("query", WRONG)
def test_a_question_that_is_wrong_is_refused_by_its_field(product: Product, query: dict[str, str]) -> None:
    reply = product.request("GET", "/recovery-instances/drills", **query)
    assert (reply.status, reply.body["problems"][0]["field"]) == (400, next(iter(query)))


def test_the_listing_of_instances_says_what_drills_cost(
    drilled: tuple[Product, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    product, _ = drilled
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    total = sum(each["usdPerHour"] for each in read_drills(product)["drills"])
    with ApiHttpServer(product) as server:
        result = CliRunner().invoke(app, ["instances", "--api-url", server.url, "--region", WEST])
        assert f"They cost about {total:,.2f} USD an hour" in " ".join(result.output.split())
        server.refuse["GET", "/recovery-instances/drills"] = 404  # an API of an earlier version
        result = CliRunner().invoke(app, ["instances", "--api-url", server.url, "--region", WEST])
    assert result.exit_code == 0, result.output
    assert "USD" not in result.output
