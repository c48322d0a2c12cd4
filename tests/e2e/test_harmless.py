"""A recovery stays untouched by a later drill, and one Region's outage delays the other's servers by nothing."""

from datetime import datetime
from typing import Any

import pytest

from sandbox import seeding
from sandbox.settings import HUB_ACCOUNT, REGION, TARGET_ACCOUNT
from sandbox.stack import Sandbox
from tests.support.deployed import Operator
from tests.support.processes import free_ports

EUROPE = "eu-central-1"
HOUR = 3_600
# About as long as drs-waves expects a recovery to take.
JOB = 1_900


def running_instances(sandbox: Sandbox, account: str, region: str, name: str) -> list[str]:
    """The ids of the running EC2 instances of this name."""
    filters = [{"Name": "tag:Name", "Values": [name]}, {"Name": "instance-state-name", "Values": ["running"]}]
    ec2 = sandbox.client("ec2", account=account, region=region)
    found = ec2.describe_instances(Filters=filters)["Reservations"]
    return sorted(each["InstanceId"] for reservation in found for each in reservation["Instances"])


@pytest.mark.e2e
def test_a_drill_of_a_recovered_plan_is_refused_and_production_is_untouched(
    operator: Operator, sandbox: Sandbox
) -> None:
    tags = {"Name": "live-1"}
    servers = operator.seed("live-1", account=HUB_ACCOUNT, region=REGION, tags=tags)
    plan = operator.plan(web=operator.group(servers, account=HUB_ACCOUNT, region=REGION))
    recovery = operator.finish(operator.start(plan, "recoveries"))
    assert recovery["status"] == "COMPLETED", recovery
    production = running_instances(sandbox, HUB_ACCOUNT, REGION, "live-1")
    assert len(production) == 1

    drill = operator.drill(plan)

    assert drill["status"] == "NOT_READY", drill
    assert production[0] in drill["reason"]
    assert "drill other servers, or wait until that recovery is retired" in drill["reason"]
    assert "replaceExisting" not in drill["reason"]
    again = operator.finish(operator.start(plan, "recoveries"))
    assert again["status"] == "NOT_READY", again
    assert "replaceExisting" in again["reason"]
    assert running_instances(sandbox, HUB_ACCOUNT, REGION, "live-1") == production


@pytest.mark.deployment
@pytest.mark.timeout(600)
def test_a_region_that_is_down_for_an_hour_delays_only_its_own_wave() -> None:
    port, drs_port = free_ports(2)
    with Sandbox(port=port, drs_port=drs_port, speed=30) as sandbox:
        seeding.register_accounts(sandbox)
        sandbox.control_emulator("PUT", "/settings", {"durations": {"recovery": {"pending": 1, "started": JOB}}})
        operator = Operator(sandbox)
        warm_ups: list[str] = []
        west = operator.seed("west-1", "west-2", account=HUB_ACCOUNT, region=REGION)
        east = operator.seed("east-1", "east-2", account=TARGET_ACCOUNT, region=EUROPE)
        groups = {
            "west": operator.group(west, account=HUB_ACCOUNT, region=REGION),
            "east": operator.group(east, account=TARGET_ACCOUNT, region=EUROPE),
        }
        for place in ({"account": HUB_ACCOUNT, "region": REGION}, {"account": TARGET_ACCOUNT, "region": EUROPE}):
            warm_up = operator.group(operator.seed(f"warm-{place['region']}", **place), **place)
            warm_ups.append(operator.start(operator.plan(web=warm_up), "recoveries"))
        for execution in warm_ups:  # so that the run is not measured by the starts of the sandbox's functions
            assert operator.finish(execution, seconds=200)["status"] == "COMPLETED"
        waves = [{"name": name, "groups": [{"groupId": each}], "dependsOn": []} for name, each in groups.items()]
        plan = operator.request("POST", "/recovery-plans", {"name": "both", "waves": waves}).body["planId"]
        down = {"kind": "REGION_DOWN", "accountId": TARGET_ACCOUNT, "region": EUROPE, "durationSeconds": HOUR}
        sandbox.control_emulator("POST", "/faults", down)

        record = operator.finish(operator.start(plan, "recoveries"), seconds=500)

        assert record["status"] == "COMPLETED", record
        waves_by_name = {wave["name"]: wave for wave in record["waves"]}
        requested = _epoch(record["requestedAt"])
        healthy = _epoch(waves_by_name["west"]["endedAt"]) - requested
        # A busy machine must not fail the test, so the ratio is only printed.
        assert healthy < HOUR, f"{healthy / JOB:.3f} of the ideal; the other Region was up again"
        assert _epoch(waves_by_name["east"]["endedAt"]) - requested > HOUR + JOB
        print(f"the healthy Region took {healthy / JOB:.3f} of its ideal")  # noqa: T201 - pytest -rP shows it


def _epoch(moment: Any) -> float:
    return datetime.fromisoformat(str(moment)).timestamp()
