"""The cache and the clean-up in the deployed sandbox, with the roles' policies and the EC2 of the engine."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.settings import HUB_ACCOUNT, REGION, TARGET_ACCOUNT
from sandbox.stack import Sandbox
from tests.support.deployed import Operator

pytestmark = pytest.mark.e2e
EUROPE = "eu-west-2"


def until(look: Callable[[], Any], seconds: float = 40) -> Any:
    """Call `look` until it finds something, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def test_a_drill_is_cached_and_cleaned_up_by_itself(operator: Operator, sandbox: Sandbox) -> None:
    here = operator.seed("cache-1", "cache-2", account=HUB_ACCOUNT, region=REGION)
    there = operator.seed("cache-3", account=TARGET_ACCOUNT, region=EUROPE)
    plan = operator.plan(
        first=operator.group(here, account=HUB_ACCOUNT, region=REGION),
        second=operator.group(there, account=TARGET_ACCOUNT, region=EUROPE),
        cleanUpAfterHours=1,  # nine seconds at this speed
    )
    record = operator.drill(plan)
    assert record["status"] == "COMPLETED", record

    payload = json.dumps({"operation": "sync_recovery_instances"})
    answer = sandbox.client("lambda").invoke(FunctionName=sandbox.resources["ApiFunction"], Payload=payload)
    assert "FunctionError" not in answer
    path = f"/recovery-instances?sourceServerIds={','.join([*here, *there])}"
    rows = until(lambda: [r for r in [operator.request("GET", path).body] if not r["missing"]])[0]["recoveryInstances"]
    for row in rows:
        assert row["sourceExecutionId"] == record["executionId"]
        assert row["ec2InstanceState"] == "RUNNING"
        assert row["instanceType"]
        assert row["subnetId"]
        assert row["launchTime"]
    assert operator.request("GET", "/drs/recovery-instance-sync/status").body["status"] == "OK"
    assert operator.request("GET", f"/recovery-plans/{plan}").body["drillInstances"]["count"] == 3

    cleanup = f"/executions/{record['executionId']}/cleanup"
    told = until(lambda: [r for r in [operator.request("GET", cleanup).body] if r["status"] not in ("NONE", "RUNNING")])
    assert told[0]["status"] == "COMPLETED", told
    assert told[0]["instances"] == {"total": 3, "terminated": 3, "failed": 0}
    assert told[0]["askedBy"] == "schedule"
    assert operator.request("GET", path).body["recoveryInstances"] == []


def test_the_schedule_brings_the_cache_up_to_date_without_being_asked(operator: Operator) -> None:
    path = "/drs/recovery-instance-sync/status"
    before = operator.request("GET", path).body["lastSync"]
    after = until(
        lambda: [
            told for told in [operator.request("GET", path).body] if told["lastSync"] and told["lastSync"] != before
        ],
        seconds=90,
    )[0]
    assert after["status"] in ("OK", "DEGRADED")
    assert after["lastSync"]["targets"] == len(after["targets"])
