"""What tests of actions ask of a run and of its targets."""

import threading
from typing import Any

from drs_emulator.target_key import TargetKey
from tests.support.product import HUB, WEST, Product, Reply
from tests.support.shops import target_client

FREEZE = {"name": "freeze-writes", "ssmAutomation": {"document": "Shop-FreezeWrites"}}
"""An action of the shop that every target may have."""
PROMOTE = {"name": "promote", "ssmAutomation": {"document": "Shop-PromoteDatabase", "parameters": {"Database": "x"}}}


def one_wave(product: Product, servers: int = 1, **more: Any) -> str:
    """A plan with the wave `web`; options that begin with `plan_` are the plan's own."""
    of_plan = {name.removeprefix("plan_"): more.pop(name) for name in list(more) if name.startswith("plan_")}
    return product.plan({"name": "web", "groups": [product.group(product.seed(servers))], **more}, **of_plan)


def start_with(product: Product, plan: str, actions: str) -> str:
    """Start a drill that skips its actions or only looks at them."""
    reply = product.request("POST", f"/recovery-plans/{plan}/drills", {"actions": actions})
    assert reply.status == 202, reply
    return str(reply.body["executionId"])


def actions_of(product: Product, execution_id: str) -> list[dict[str, Any]]:
    """The actions of a run, as the API lists them."""
    reply = product.request("GET", f"/executions/{execution_id}/actions")
    assert reply.status == 200, reply
    listed: list[dict[str, Any]] = reply.body["actions"]
    return listed


def action(product: Product, execution_id: str, name: str) -> dict[str, Any]:
    """An action of a run."""
    (found,) = [each for each in actions_of(product, execution_id) if each["name"] == name]
    return found


def wait_for_action(product: Product, execution_id: str, name: str, *statuses: str) -> dict[str, Any]:
    """Wait until an action is at one of these statuses."""
    step = threading.Event()
    found: dict[str, Any] = {}
    for _ in range(3_000):
        found = action(product, execution_id, name)
        if found["status"] in statuses:
            return found
        step.wait(0.01)
    raise TimeoutError(f"{name} is {found}")


def answer(product: Product, execution_id: str, name: str, given: str, **more: Any) -> Reply:
    """What the API answers to an operator's answer about an action."""
    options = {key: more.pop(key) for key in ("caller", "headers") if key in more}
    return product.request("POST", f"/executions/{execution_id}/actions/{name}/{given}", more, **options)


def automations(product: Product, account: str = HUB, region: str = WEST) -> list[dict[str, Any]]:
    """Every automation of the target."""
    ssm = target_client(product, "ssm", account, region)
    listed = ssm.describe_automation_executions(MaxResults=50)["AutomationExecutionMetadataList"]
    found = []
    for each in listed:
        found.append(ssm.get_automation_execution(AutomationExecutionId=each["AutomationExecutionId"]))
    return [each["AutomationExecution"] for each in found]


def commands(product: Product, document: str, account: str = HUB, region: str = WEST) -> list[dict[str, Any]]:
    """Every command of a document that was sent in the target."""
    ssm = target_client(product, "ssm", account, region)
    pages = ssm.get_paginator("list_commands").paginate(Filters=[{"key": "DocumentName", "value": document}])
    return [command for page in pages for command in page["Commands"]]


def forget_document(product: Product, name: str, account: str = HUB, region: str = WEST) -> None:
    """Let an account lose a document that it had when the plan was written: plans are looked at then."""
    product.emulator.world.target(TargetKey(account, region)).documents.pop(name)
