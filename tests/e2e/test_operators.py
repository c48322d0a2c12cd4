"""Operators control runs over HTTP alone: waves in a diamond with an approval, a pause, a failure, a cancel."""

from typing import Any

import pytest

from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox
from tests.support.deployed import Operator, decide, wait_until, waits_for

pytestmark = pytest.mark.e2e


def make_plan(operator: Operator, sick: list[str], breaking: list[str]) -> str:
    def group(*ids: str) -> dict[str, Any]:
        return {"groupId": operator.group(list(ids), account=HUB_ACCOUNT, region=REGION)}

    def seed(name: str) -> str:
        return operator.seed(name, account=HUB_ACCOUNT, region=REGION, tags={"Name": name})[0]

    waves: list[dict[str, Any]] = [
        {"name": "network", "groups": [group(seed("diamond-dns")), {**group(*sick), "optional": True}]},
        {
            "name": "database",
            "groups": [group(seed("diamond-db"))],
            "approval": {"required": True, "timeoutMinutes": 600},
        },
        {
            "name": "cache",
            "dependsOn": ["network"],
            "groups": [group(seed("diamond-cache"), *breaking)],
            "onFailure": "ask",
        },
        {"name": "app", "dependsOn": ["database", "cache"], "groups": [group(seed("diamond-app"))]},
        {"name": "web", "groups": [group(seed("diamond-web"))], "pauseBefore": True},
    ]
    reply = operator.request("POST", "/recovery-plans", {"name": "diamond", "launchAttempts": 1, "waves": waves})
    assert reply.status == 201, reply
    return str(reply.body["planId"])


def test_a_diamond_is_approved_paused_mended_and_finished_and_a_second_run_is_cancelled(
    operator: Operator, sandbox: Sandbox
) -> None:
    sick = operator.seed("sick-1", account=HUB_ACCOUNT, region=REGION, replicationState="STOPPED")
    breaking = operator.seed("breaks-1", account=HUB_ACCOUNT, region=REGION, failsAt="LAUNCH")
    plan = make_plan(operator, sick, breaking)

    looked = operator.request("POST", f"/recovery-plans/{plan}/readiness")
    assert looked.status == 202, looked
    ready = operator.finish(looked.body["executionId"])
    assert ready["status"] == "READY", ready
    path = f"/executions/{ready['executionId']}/servers?wave=network"
    servers = {server["hostname"]: server["readiness"] for server in operator.request("GET", path).body["servers"]}
    assert servers == {"diamond-dns": "READY", "sick-1": "BLOCKED"}

    run = operator.start(plan)
    wait_until(operator, run, waits_for("APPROVAL", "database"))
    decide(operator, run, "waves/database/reject/twice", status=404)
    decide(operator, run, "waves/cache/approve", status=409)
    record = wait_until(operator, run, waits_for("DECISION", "cache"))
    assert {wave["name"]: wave["status"] for wave in record["waves"]} == {
        "network": "PARTIAL",
        "database": "AWAITING_APPROVAL",
        "cache": "AWAITING_DECISION",
        "app": "WAITING",
        "web": "WAITING",
    }
    decide(operator, run, "pause")
    decide(operator, run, "waves/database/approve")
    wait_until(operator, run, waits_for("RESUME", "database"))
    decide(operator, run, "resume")
    sandbox.control_emulator(
        "PATCH",
        f"/source-servers/{breaking[0]}",
        {"accountId": HUB_ACCOUNT, "region": REGION, "server": {"failsAt": ""}},
    )
    decide(operator, run, "waves/cache/retry")
    wait_until(operator, run, waits_for("RESUME", "web"))
    decide(operator, run, "resume")
    record = operator.finish(run)

    assert record["status"] == "PARTIAL", record
    assert {wave["name"]: wave["status"] for wave in record["waves"]} == {
        "network": "PARTIAL",
        "database": "COMPLETED",
        "cache": "COMPLETED",
        "app": "COMPLETED",
        "web": "COMPLETED",
    }
    said = [decision["decision"] for decision in record["decisions"]]
    assert said == ["pause", "approve", "resume", "retry", "resume"]
    assert all(HUB_ACCOUNT in decision["by"] for decision in record["decisions"]), record["decisions"]
    events = operator.request("GET", f"/executions/{run}/events?limit=200").body["events"]
    assert sum(event["event"] == "DECISION" for event in events) == 5

    second = operator.start(plan)
    wait_until(operator, second, waits_for("APPROVAL", "database"))
    decide(operator, second, "cancel")
    cancelled = operator.finish(second)
    assert cancelled["status"] == "CANCELLED", cancelled
    assert {wave["name"]: wave["status"] for wave in cancelled["waves"]}["web"] == "SKIPPED"
    assert operator.request("GET", f"/recovery-plans/{plan}").body["activeExecutionId"] is None
    status = sandbox.client("stepfunctions").describe_execution(executionArn=cancelled["executionArn"])["status"]
    assert status == "SUCCEEDED"


def test_a_run_that_is_aborted_in_the_console_is_closed_by_the_rule(operator: Operator, sandbox: Sandbox) -> None:
    servers = operator.seed("lost-1", account=HUB_ACCOUNT, region=REGION)
    plan = operator.plan(web=operator.group(servers, account=HUB_ACCOUNT, region=REGION))
    job_is_held = sandbox.control_emulator("POST", "/faults", {"kind": "JOB_STAYS_PENDING"})["id"]
    run = operator.start(plan)
    record = wait_until(operator, run, lambda record: record["servers"]["launching"])
    sandbox.client("stepfunctions").stop_execution(executionArn=record["executionArn"])
    closed = operator.finish(run)
    sandbox.control_emulator("DELETE", f"/faults/{job_is_held}")
    assert closed["status"] == "FAILED", closed
    assert "ABORTED" in closed["reason"]
    assert operator.request("GET", f"/recovery-plans/{plan}").body["activeExecutionId"] is None
