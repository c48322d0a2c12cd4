"""The page of the fleet: capacity, circuits, the cache, what drills left running, launch settings not put back."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from tests.support.api_http_server import CUT, ApiHttpServer
from tests.support.changed_settings import change_settings
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.instance_cache import SYNC, sync
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product

HOSTILE = "<script>alert(1)</script>"
CAPACITY = ("GET", "/capacity")


@pytest.fixture
def api(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as server:
        yield server


@pytest.fixture
def console(api: ApiHttpServer) -> Iterator[ServedConsole]:
    with serving(deployment_of(api)) as served:
        yield served.enter()


def set_regions(product: Product, account_id: str, *regions: str, **more: Any) -> None:
    (row,) = [row for row in product.items("TargetAccounts") if row["accountId"] == account_id]
    product.put("TargetAccounts", {**row, "regions": list(regions), **more})


def drill(product: Product, **plan: Any) -> dict[str, Any]:
    """A drill of three servers here and two elsewhere, whose instances still run."""
    set_regions(product, HUB, WEST)
    set_regions(product, OTHER, EUROPE)
    here = product.group(product.seed(3))
    there = product.group(product.seed(2, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    record = product.drill(product.plan({"name": "web", "groups": [here, there]}, **plan))
    assert record["status"] == "COMPLETED", record
    sync(product)
    return record


def words(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def article(html: str, account_id: str, region: str) -> str:
    """The part of the page about an account and Region."""
    return html.split(f'<article id="target-{account_id}-{region}"', 1)[1].split("</article>", 1)[0]


def test_each_account_and_region_has_its_capacity_as_bars_with_figures(
    product: Product, console: ServedConsole
) -> None:
    product.seed(60)
    product.seed(1, prefix="stalled", replicationState="STALLED")
    set_regions(product, HUB, WEST)
    product.emulator.control.change_settings({"quotas": {"replicatingServers": 62}})
    html = console.get("/fleet").text
    part = words(article(html, HUB, WEST))
    assert "DRS ✓ OK" in part
    assert "0 of 20, 20 free" in part
    assert "61 of 62, 1 free ! nearly full" in part
    assert "1 STALLED" in part
    assert "Circuit ✓ closed" in part
    assert f'width="{61 / 62 * 100:.1f}"' in html
    assert " style=" not in html


def test_an_account_that_denies_is_first_and_shows_its_message_and_advice(
    product: Product, console: ServedConsole
) -> None:
    product.seed(1)
    product.seed(1, account=OTHER, region=EUROPE)
    set_regions(product, HUB, WEST)
    set_regions(product, OTHER, EUROPE)
    product.fault("ACCESS_DENIED", accountId=OTHER, region=EUROPE)
    entry = product.request("GET", f"/capacity/{OTHER}/{EUROPE}").body
    assert entry["status"] == "DENIED"
    html = console.get("/fleet").text
    part = words(article(html, OTHER, EUROPE))
    assert "✗ DENIED" in part
    assert entry["message"] in part
    assert f"What to do: {entry['advice']}" in part
    assert html.index(f"target-{OTHER}-") < html.index(f"target-{HUB}-")


def test_an_open_circuit_is_shown_with_its_reason_and_its_next_try(product: Product, console: ServedConsole) -> None:
    product.seed(1)
    set_regions(product, HUB, WEST)
    product.fault("REGION_DOWN", region=WEST)
    while product.request("GET", f"/capacity/{HUB}/{WEST}").body["circuit"]["state"] == "closed":
        pass
    console.deployment.snapshots.forget("fleet")
    part = words(article(console.get("/fleet").text, HUB, WEST))
    assert re.search(r"Circuit (✗ open|! half-open) since [0-9-]+ [0-9:]+ UTC, next try at [0-9:]+ UTC", part)
    assert "Opened by: " in part
    assert "What to do: " in part


def test_drills_that_still_run_are_shown_with_plan_cost_and_the_way_to_end_them(
    product: Product, console: ServedConsole
) -> None:
    record = drill(product, name=HOSTILE)
    page = console.get("/fleet")
    assert HOSTILE not in page.text
    sums = product.request("GET", "/recovery-instances/drills").body["drills"]
    by_hour = sum(each["usdPerHour"] for each in sums)
    part = words(page.text)
    assert f"5 instances , about {by_hour:,.2f} USD an hour" in part
    run = record["executionId"]
    row = page.text.split(f'<tr id="drill-{run}"', 1)[1].split("</tr>", 1)[0]
    assert f'href="/plans/{record["planId"]}"' in row
    assert f'hx-get="/runs/{run}/cleanup"' in row
    assert HOSTILE.replace("<", "&lt;").replace(">", "&gt;") in row
    assert f"{by_hour:,.2f}" in words(row)
    assert page.text.count('<tr id="drill-') == 1, "a drill in two accounts is one drill"


def test_a_cache_that_has_not_been_synced_says_so_and_a_sync_is_started_by_its_dialog(
    product: Product, console: ServedConsole
) -> None:
    set_regions(product, HUB, WEST)
    product.seed(1)
    assert "never synced" in words(console.get("/fleet").text)
    dialog = console.get("/fleet/sync").text
    (key,) = re.findall(r'name="key" value="([^"]+)"', dialog)
    answer = console.post("/fleet/sync", {"key": key})
    assert (answer.status, "A sync is on" in answer.headers["hx-trigger"]) == (200, True)
    (execution,) = product.engine.executions("sync-cache")
    execution.wait(60)
    console.deployment.snapshots.forget("fleet")
    html = console.get("/fleet").text
    assert "Cache ✓ SYNCED as of" in words(article(html, HUB, WEST))


def test_a_sync_whose_answer_is_lost_keeps_its_key_and_starts_once(
    product: Product, api: ApiHttpServer, console: ServedConsole
) -> None:
    set_regions(product, HUB, WEST)
    (key,) = re.findall(r'name="key" value="([^"]+)"', console.get("/fleet/sync").text)
    api.instead["POST", SYNC] = [(CUT, None)]
    assert console.post("/fleet/sync", {"key": key}).status == 200
    assert api.keys == [key, key]


def test_a_refused_sync_shows_the_error_with_its_correlation_id(api: ApiHttpServer, console: ServedConsole) -> None:
    refusal = {"code": "AccessDenied", "message": "not for you", "correlationId": "c-1"}
    api.instead["POST", SYNC] = [(403, refusal)]
    (key,) = re.findall(r'name="key" value="([^"]+)"', console.get("/fleet/sync").text)
    page = console.post("/fleet/sync", {"key": key})
    assert page.status == 403
    assert "not for you" in page.text
    assert "c-1" in page.text


def test_a_console_that_is_read_only_neither_syncs_nor_cleans_up(product: Product, api: ApiHttpServer) -> None:
    record = drill(product)
    with serving(deployment_of(api, read_only=True)) as served:
        page = served.enter().get("/fleet")
        assert record["executionId"] in page.text
        assert "/cleanup" not in page.text
        assert "/fleet/sync" not in page.text
        assert served.get("/fleet/sync").status == 403
        assert served.post("/fleet/sync", {"key": "k"}).status == 403
    assert ("POST", SYNC) not in api.seen


def test_what_the_api_refuses_of_the_fleet_does_not_hide_the_rest(
    product: Product, api: ApiHttpServer, console: ServedConsole
) -> None:
    set_regions(product, HUB, WEST)
    api.refuse[CAPACITY] = 403
    page = console.get("/fleet")
    assert page.status == 200
    assert "The capacity cannot be read" in words(page.text)
    assert f"{HUB}/{WEST}" in page.text


def test_on_aws_many_readers_ask_drs_once_in_fifteen_seconds(product: Product, api: ApiHttpServer) -> None:
    set_regions(product, HUB, WEST)
    now = 1000.0
    deployment = deployment_of(api)
    deployment.snapshots.clock = lambda: now
    with serving(deployment) as served:
        served.enter()
        for _ in range(5):
            assert served.get("/fleet").status == 200
        now += 14.9
        assert 'data-seconds="14.9"' in served.get("/fleet").text
        assert api.seen.count(CAPACITY) == 1
        now += 0.2
        assert 'data-seconds="0' in served.get("/fleet").text
        assert api.seen.count(CAPACITY) == 2


def test_launch_settings_that_are_not_put_back_are_listed_by_run(product: Product, console: ServedConsole) -> None:
    set_regions(product, HUB, WEST)
    servers = product.seed(1)
    record = product.drill(product.plan({"name": "db", "groups": [product.group(servers)]}))
    assert "No run has changed launch settings" in words(console.get("/fleet/settings").text)
    change_settings(product, servers[0], record["executionId"], "db")
    console.deployment.snapshots.forget("changed-settings")
    part = words(console.get("/fleet/settings").text)
    assert record["executionId"] in part
    assert f"{HUB}/{WEST} 1" in part
