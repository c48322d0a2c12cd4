"""The other pages of a run in the console: actions and checks, jobs and their logs, findings, events."""

import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from sandbox import networks
from tests.support.action_runs import wait_for_action
from tests.support.api_http_server import ApiHttpServer
from tests.support.console_server import ServedConsole, deployment_of, serving
from tests.support.plans import make_failing_wave, make_plan
from tests.support.product import Product
from tests.support.profiled_runs import DRILL, lay_networks, plan_of
from tests.support.runs import wait_until_asked_for
from tests.support.shops import open_shop, rule

FREEZE = {"name": "freeze-writes", "ssmAutomation": {"document": "Shop-FreezeWrites"}}
SIGN_OFF = {"name": "sign-off", "manual": {"instructions": "Place an order <b>and</b> look for it."}}
HTTP = {"http": {"port": 8080, "path": "/health"}}


@pytest.fixture
def console(product: Product) -> Iterator[ServedConsole]:
    with ApiHttpServer(product) as server, serving(deployment_of(server)) as served:
        yield served.enter()


def words(console: ServedConsole, path: str) -> str:
    """What a page says, as one line without its tags."""
    page = console.get(path)
    assert page.status == 200, page
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text.split("<main", 1)[1])).split())


def eventually(find: Any) -> None:
    """Wait until what a page shows has caught up."""
    deadline = time.monotonic() + 60
    while not find():
        assert time.monotonic() < deadline, "the page is not read again"
        time.sleep(0.1)


def test_actions_and_checks_are_shown_with_output_attempts_and_decisions(
    product: Product, console: ServedConsole
) -> None:
    open_shop(product)
    group = product.group(product.seed(2, prefix="web"))
    wave = {"name": "web", "groups": [group], "checks": ["agent", HTTP], "checksTimeoutMinutes": 60, "onFailure": "ask"}
    plan = product.plan({**wave, "before": [FREEZE], "after": [SIGN_OFF]})
    failing = rule(product, "COMMAND", hostname="web-002", effect="FAILS", exitCode=1, stdout="got <503>\nat /health")
    run = product.start(plan)
    wait_until_asked_for(product, run, "DECISION")
    shown = words(console, f"/runs/{run}/actions")
    assert "freeze-writes before wave web ✓ SUCCEEDED" in shown
    assert "1 server verified , 0 being checked , 1 unverified" in shown
    assert "http :8080/health 0 1" in shown

    server = next(each for each in product.servers(run) if each["hostname"] == "web-002")
    of_server = console.get(f"/runs/{run}/servers/{server['sourceServerId']}")
    assert "got &lt;503&gt;\nat /health" in of_server.text
    assert "<dt>Passed</dt><dd>agent</dd>" in of_server.text

    product.emulator.control.remove_rules(failing)
    answered = product.request("POST", f"/executions/{run}/waves/web/verify", {"comment": "port <opened>"})
    assert answered.status < 300, answered
    wait_for_action(product, run, "sign-off", "WAITING")
    eventually(lambda: "waits for confirmation" in words(console, f"/runs/{run}/actions"))
    shown = words(console, f"/runs/{run}/actions")
    assert "Place an order <b>and</b> look for it." in shown
    assert "verify by arn:aws:iam::111122223333:user/ana" in shown
    assert "port <opened>" in shown
    assert "1 earlier turn" in shown

    confirmed = product.request("POST", f"/executions/{run}/actions/sign-off/confirm", {"comment": "orders arrive"})
    assert confirmed.status < 300, confirmed
    product.finish(run)
    eventually(lambda: "confirm by arn:aws:iam::111122223333:user/ana" in words(console, f"/runs/{run}/actions"))
    assert "orders arrive" in words(console, f"/runs/{run}/actions")


def test_jobs_are_listed_by_batch_and_each_has_the_log_of_drs(product: Product, console: ServedConsole) -> None:
    plan = product.plan(make_failing_wave(product, "web"), launchAttempts=1)
    record = product.drill(plan)
    run = record["executionId"]
    (batch,) = record["batches"]
    job = batch["jobs"][-1]["jobId"]
    listed = console.get(f"/runs/{run}/jobs")
    assert f'href="/runs/{run}/jobs/{job}"' in listed.text
    assert "1 failed" in words(console, f"/runs/{run}/jobs?wave=web")
    assert "The wave has no batches." in words(console, f"/runs/{run}/jobs?wave=other")
    log = words(console, f"/runs/{run}/jobs/{job}")
    assert "JOB_START" in log
    assert "JOB_END" in log
    assert log.index("JOB_END") < log.index("JOB_START")
    assert console.get(f"/runs/{run}/jobs/drsjob-{'9' * 17}").status == 404


def test_the_reason_of_a_batch_that_was_tried_again_is_said_to_be_of_its_last_attempt(
    product: Product, console: ServedConsole
) -> None:
    record = product.drill(product.plan(make_failing_wave(product, "web"), launchAttempts=2))
    (batch,) = record["batches"]
    assert len(batch["jobs"]) == 2
    assert f"last attempt: {batch['reason']}" in words(console, f"/runs/{record['executionId']}/jobs")


def test_a_server_shows_what_became_of_its_launch_settings_and_the_findings_the_networks(
    product: Product, console: ServedConsole
) -> None:
    lay_networks(product)
    servers = product.seed(1)
    run = product.drill(plan_of(product, servers, {"drill": {**DRILL, "isolation": "required"}}))["executionId"]
    shown = words(console, f"/runs/{run}/servers/{servers[0]}")
    assert networks.DRILL_GROUP in shown
    assert any(subnet in shown for subnet in networks.DRILL_SUBNETS.values())
    assert "put back" in shown.lower()
    found = words(console, f"/runs/{run}/findings")
    assert "Readiness findings" in found
    assert f'href="/runs/{run}/assessment#drill-findings"' in console.get(f"/runs/{run}/findings").text
    (place, *_) = product.request("GET", f"/executions/{run}/findings").body["isolation"]
    assert f"{place['subnetId']} ✓ YES" in found


def test_findings_are_shown_by_severity_with_what_to_do(product: Product, console: ServedConsole) -> None:
    plan = product.plan({"name": "web", "groups": [product.group([*product.seed(1), "s-" + "0" * 17])]})
    run = product.finish(product.start(plan, "readiness"))["executionId"]
    found = product.request("GET", f"/executions/{run}/findings").body["findings"]
    assert found
    shown = words(console, f"/runs/{run}/findings")
    for finding in found:
        for name in ("title", "evidence", "remedy", "code"):
            assert " ".join(finding[name].split()) in shown


def test_a_readiness_check_does_not_say_of_its_waves_that_nothing_was_launched(
    product: Product, console: ServedConsole
) -> None:
    wave = {"name": "web", "groups": [product.group(product.seed(1))], "rtoTargetMinutes": 77}
    run = product.finish(product.start(product.plan(wave), "readiness"))["executionId"]
    assert "nothing was to be launched" in str(product.request("GET", f"/executions/{run}").body["waves"])
    for page in ("", "/jobs"):
        assert "nothing was to be launched" not in words(console, f"/runs/{run}{page}")
    assert "1:17:00" not in words(console, f"/runs/{run}")


def test_a_finding_names_its_servers_by_their_hosts(product: Product, console: ServedConsole) -> None:
    servers = product.seed(2, prefix="web")
    run = product.finish(product.start(product.plan({"name": "web", "groups": [product.group(servers)]}), "readiness"))
    path = f"/runs/{run['executionId']}/findings"
    found = product.request("GET", f"/executions/{run['executionId']}/findings").body["findings"]
    assert any(finding["sourceServerIds"] for finding in found), found
    eventually(lambda: "web-001" in words(console, path))


def test_events_come_newest_first_and_are_found_by_wave_and_text(product: Product, console: ServedConsole) -> None:
    run = product.drill(make_plan(product))["executionId"]
    events = product.request("GET", f"/executions/{run}/events", limit="200").body["events"]
    shown = words(console, f"/runs/{run}/events")
    assert f"{len(events)} events" in shown
    assert shown.index(" ".join(events[-1]["text"].split())) < shown.index(" ".join(events[0]["text"].split()))
    of_wave = [event for event in events if event["wave"] == "web"]
    assert f"{len(of_wave)} events of {len(events)}" in words(console, f"/runs/{run}/events?wave=web")
    assert "No event matches." in words(console, f"/runs/{run}/events?text=no%20such%20thing")


def test_pages_of_a_run_that_goes_on_follow_it(product: Product, console: ServedConsole) -> None:
    run = product.start(make_plan(product))
    first = words(console, f"/runs/{run}/events")
    for page in ("actions", "jobs", "findings", "servers"):
        assert console.get(f"/runs/{run}/{page}").status == 200
    product.finish(run)
    count = len(product.request("GET", f"/executions/{run}/events", limit="200").body["events"])
    eventually(lambda: f"{count} events" in words(console, f"/runs/{run}/events"))
    assert f"{count} events" not in first

    def find_launched() -> bool:
        found = console.get(f"/runs/{run}/servers/rows?status=LAUNCHED").text
        return 'data-state="current"' in found and 'data-matches="3"' in found

    eventually(find_launched)


@pytest.mark.parametrize("page", ["servers", "servers.csv", "servers/rows", "actions", "jobs", "findings", "events"])
def test_the_pages_of_an_unknown_run_say_that_there_is_none(console: ServedConsole, page: str) -> None:
    shown = console.get(f"/runs/drill-20261122-081530-000000/{page}")
    assert shown.status == 404
    assert "EXECUTION_NOT_FOUND" in shown.text or "ExecutionNotFound" in shown.text
    assert console.get(f"/runs/%20/{page}").status == 404
