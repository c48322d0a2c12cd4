"""Clean up after drills through the API, and look at what DRS has left."""

from typing import Any

from drs_emulator.records.job import Job
from drs_emulator.records.recovery_instance import RecoveryInstance
from drs_emulator.target_key import TargetKey
from tests.support.product import HUB, WEST, Product

LAUNCH_ACTION = {
    "actionCode": "AWS-RunShellScript",
    "order": 2,
    "actionId": "0f6e2c9a-71d4-4b7e-9a43-2d5b8c1e7f30",
    "optional": False,
    "active": True,
    "name": "health check",
    "actionVersion": "1",
    "category": "VALIDATION",
    "description": "asks the application",
    "parameters": {},
}


def begin(product: Product, record: dict[str, Any]) -> str:
    """Request the clean-up, and return the name of its state machine's execution."""
    reply = product.request("POST", f"/executions/{record['executionId']}/cleanup")
    assert reply.status == 202, reply
    assert reply.headers["Location"] == f"/executions/{reply.body['executionId']}/cleanup"
    return str(reply.body["cleanup"])


def read(product: Product, record: dict[str, Any]) -> dict[str, Any]:
    """The clean-up of the run, as the API shows it."""
    reply = product.request("GET", f"/executions/{record['executionId']}/cleanup")
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.body
    return body


def wait_for(product: Product, name: str) -> None:
    """Wait for the end of this clean-up's state machine."""
    (machine,) = [one for one in product.engine.executions("clean-up-drill") if one.name == name]
    machine.wait(60)


def clean_up(product: Product, record: dict[str, Any]) -> dict[str, Any]:
    """Request the clean-up, wait for its end, and return it as the API shows it."""
    wait_for(product, begin(product, record))
    return read(product, record)


def run_scheduled(product: Product, execution_id: str) -> str:
    """Start the machine as the schedule of this run does, wait for its end, and return its status."""
    machine = product.engine.machine_arn("clean-up-drill")
    return str(product.engine.run(machine, {"executionId": execution_id}, timeout=60).status)


def terminations(product: Product, account: str = HUB, region: str = WEST) -> list[Job]:
    """Terminate jobs as the emulator keeps them; its answers may leave out their participants, as DRS's do."""
    target = product.emulator.world.target(TargetKey(account, region))
    return [job for job in target.jobs.values() if job.type == "TERMINATE"]


def instances_left(product: Product, account: str = HUB, region: str = WEST) -> dict[str, RecoveryInstance]:
    """The recovery instances that run, by source server."""
    target = product.emulator.world.target(TargetKey(account, region))
    return {each.server_id: each for each in target.instances.values() if each.ec2_state == "RUNNING"}


def fail_launch_actions_of(product: Product, server_ids: list[str]) -> None:
    """Let DRS call the servers FAILED although it launches their instances: a launch action of theirs fails."""
    drs = product.emulator.client(HUB, WEST)
    for server_id in server_ids:
        drs.put_launch_action(resourceId=server_id, **LAUNCH_ACTION)
        drs.update_launch_configuration(sourceServerID=server_id, postLaunchEnabled=True)
    for server_id in server_ids:
        product.fault("LAUNCH_ACTION_FAILS", sourceServerId=server_id)
