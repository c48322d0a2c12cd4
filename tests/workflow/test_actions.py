"""Actions before and after waves and plans, of every kind, on the real machines and handlers."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.action_runs import action, actions_of, answer, automations, commands, wait_for_action
from tests.support.product import HUB, WEST, Product
from tests.support.shops import open_shop, rule

FREEZE = {"name": "freeze-writes", "ssmAutomation": {"document": "Shop-FreezeWrites"}}


def one_wave(product: Product, servers: int = 1, **more: Any) -> str:
    of_plan = {name: more.pop(name) for name in ("plan_before", "plan_after") if name in more}
    options = {name.removeprefix("plan_"): value for name, value in of_plan.items()}
    group = product.group(product.seed(servers))
    return product.plan({"name": "web", "groups": [group], **more}, **options)


def test_an_automation_before_a_wave_ends_before_a_server_is_launched(product: Product) -> None:
    open_shop(product)
    parameters = {"Mode": "{mode}"}
    freeze = {**FREEZE, "ssmAutomation": {"document": "Shop-FreezeWrites", "parameters": parameters}}
    record = product.drill(one_wave(product, before=[freeze]))
    assert record["status"] == "COMPLETED", record
    (listed,) = actions_of(product, record["executionId"])
    assert (listed["status"], listed["place"], listed["wave"]) == ("SUCCEEDED", "before", "web")
    (started,) = automations(product)
    assert listed["parts"][0]["id"] == started["AutomationExecutionId"]
    assert started["Parameters"] == {"Mode": ["drill"]}
    assert "Drained: 17" in listed["output"]
    (job,) = product.jobs()
    assert listed["endedAt"] < job["creationDateTime"]
