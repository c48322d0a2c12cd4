"""Waves that are done when their servers work, over HTTP: checks, actions, and the people who answer for them."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox import seeding
from sandbox.settings import HUB_ACCOUNT
from sandbox.stack import Sandbox
from tests.support.deployed import MAX_WAIT_SECONDS, Operator, decide, wait_until, waits_for

pytestmark = pytest.mark.e2e
REGION = "eu-west-1"  # of this module alone
PLACE = {"account": HUB_ACCOUNT, "region": REGION}
DATABASE, APP = "db-verified-1", "app-verified-1"


@pytest.fixture(scope="module")
def plan(sandbox: Sandbox) -> str:
    """A shop of two servers: a database that an automation promotes, and an application that answers over HTTP."""
    operator = Operator(sandbox)
    database, app = operator.seed(DATABASE, **PLACE), operator.seed(APP, **PLACE)
    rows = [{"accountId": HUB_ACCOUNT, "region": REGION, "hostname": name, "count": 1} for name in (DATABASE, APP)]
    ids = {(HUB_ACCOUNT, REGION, name): each for name, each in ((DATABASE, database[0]), (APP, app[0]))}
    seeding.open_shops(sandbox, [{**row, "tags": {}} for row in rows], ids)
    waves = [
        {
            "name": "database",
            "groups": [{"groupId": operator.group(database, **PLACE)}],
            "checks": ["boot", "agent"],
            "checksTimeoutMinutes": 600,
            "after": [
                {
                    "name": "promote-database",
                    "ssmAutomation": {"document": "Shop-PromoteDatabase", "parameters": {"Database": "orders"}},
                }
            ],
        },
        {
            "name": "application",
            "groups": [{"groupId": operator.group(app, **PLACE)}],
            "checks": ["agent", {"http": {"port": 8080, "path": "/health"}}],
            "checksTimeoutMinutes": 90,
            "onFailure": "ask",
            "after": [{"name": "place-an-order", "manual": {"instructions": "Place an order."}}],
        },
    ]
    reply = operator.request("POST", "/recovery-plans", {"name": "verified", "waves": waves})
    assert reply.status == 201, reply
    return str(reply.body["planId"])


def add_rule(sandbox: Sandbox, **rule: Any) -> str:
    return str(sandbox.control_emulator("POST", "/rules", {"accountId": HUB_ACCOUNT, "region": REGION, **rule})["id"])


def remove_rule(sandbox: Sandbox, rule: str) -> None:
    sandbox.control_emulator("DELETE", f"/rules/{rule}")


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return result


def wave(record: Any, name: str) -> Any:
    return next(each for each in record["waves"] if each["name"] == name)


def servers(operator: Operator, run: str) -> dict[str, Any]:
    listed = operator.request("GET", f"/executions/{run}/servers").body["servers"]
    return {server["hostname"]: server for server in listed}


def action(operator: Operator, run: str, name: str) -> Any:
    listed = operator.request("GET", f"/executions/{run}/actions").body["actions"]
    return next((each for each in listed if each["name"] == name), None)


def automations(sandbox: Sandbox) -> dict[str, str]:
    """The status of each execution of Shop-PromoteDatabase, by its id."""
    ssm = sandbox.client("ssm", account=HUB_ACCOUNT, region=REGION)
    of_shop = [{"Key": "DocumentNamePrefix", "Values": ["Shop-PromoteDatabase"]}]
    listed = ssm.describe_automation_executions(Filters=of_shop)["AutomationExecutionMetadataList"]
    return {each["AutomationExecutionId"]: each["AutomationExecutionStatus"] for each in listed}


def test_a_run_waits_for_a_late_database_asks_about_a_check_and_is_signed_off_by_a_person(
    operator: Operator, sandbox: Sandbox, plan: str
) -> None:
    late = add_rule(sandbox, kind="INSTANCE", hostname=DATABASE, checks="initializing")
    sick = add_rule(sandbox, kind="COMMAND", hostname=APP, effect="FAILS", exitCode=7, stderr="connection refused")
    run = operator.start(plan)
    wait_for(lambda: (servers(operator, run).get(DATABASE, {}).get("verification") or {}).get("check") == "boot")
    assert wave(operator.request("GET", f"/executions/{run}").body, "application")["status"] == "WAITING"
    remove_rule(sandbox, late)

    record = wait_until(operator, run, waits_for("DECISION", "application"))
    assert wave(record, "database")["status"] == "COMPLETED"
    assert servers(operator, run)[DATABASE]["verification"]["status"] == "VERIFIED"
    assert action(operator, run, "promote-database")["status"] == "SUCCEEDED"
    assert [*automations(sandbox).values()] == ["Success"]
    found = servers(operator, run)[APP]
    assert found["status"] == "LAUNCHED"
    assert found["verification"]["status"] == "UNVERIFIED"
    assert "connection refused" in found["verification"]["output"]
    assert wave(record, "application")["servers"]["unverified"] == 1

    remove_rule(sandbox, sick)
    decide(operator, run, "waves/application/verify")
    wait_for(lambda: (action(operator, run, "place-an-order") or {}).get("waitingFor") == "CONFIRM")
    confirm = f"/executions/{run}/actions/place-an-order/confirm"
    assert operator.request("POST", confirm).status == 400, "a person says what they saw"
    reply = operator.request("POST", confirm, {"comment": "order 4711 is there"})
    assert reply.status == 200, reply
    ended = operator.finish(run)
    assert ended["status"] == "COMPLETED", ended
    assert ended["servers"]["verified"] == 2
    events = operator.request("GET", f"/executions/{run}/events").body["events"]
    assert any("confirm" in event["text"] and "order 4711 is there" in event["text"] for event in events), events


def test_a_cancel_in_the_middle_of_an_automation_stops_it(operator: Operator, sandbox: Sandbox, plan: str) -> None:
    before = automations(sandbox).keys()
    hangs = add_rule(sandbox, kind="AUTOMATION", document="Shop-PromoteDatabase", step="promote", effect="HANGS")
    run = operator.start(plan)
    wait_for(lambda: (action(operator, run, "promote-database") or {}).get("status") == "RUNNING")
    decide(operator, run, "cancel")
    assert operator.finish(run)["status"] == "CANCELLED"
    remove_rule(sandbox, hangs)
    (stopped,) = automations(sandbox).keys() - before
    assert automations(sandbox)[stopped] in ("Cancelling", "Cancelled")
    assert action(operator, run, "promote-database")["status"] == "CANCELLED"
    record = operator.request("GET", f"/executions/{run}").body
    assert [each["status"] for each in record["waves"]] == ["FAILED", "SKIPPED"]
    assert "action promote-database after wave database is CANCELLED" in wave(record, "database")["reason"]
