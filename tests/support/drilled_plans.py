"""Plans with a drill policy, and what is recorded of their drills."""

from typing import Any

from recovery import clock
from recovery.domain.drills.policy import CountsIf, DrillPolicy
from tests.support.product import Product


def set_policy(product: Product, plan_id: str, **rules: Any) -> None:
    """Give the plan a policy of a drill every 90 days from now on, or of these rules."""
    (row,) = [row for row in product.items("RecoveryPlans") if row["planId"] == plan_id]
    now = clock.iso(product.emulator.world.clock.now())
    policy = DrillPolicy(**{"every_days": 90, "since": now, "counts_if": CountsIf.LAUNCHED, **rules})
    product.put("RecoveryPlans", {**row, "drillPolicy": policy.to_item()})


def record(product: Product, execution_id: str, occasion: str = "end") -> bool:
    """Record the drill as keep-evidence does; return whether it counts."""
    event = {"executionId": execution_id, "occasion": occasion, "retries": 0}
    answer: dict[str, bool] = product.engine.invoke("RecordDrill", event)
    return answer["counts"]


def start_with(product: Product, plan_id: str, **options: Any) -> dict[str, Any]:
    """Start a drill with these options, and return its record at its end."""
    reply = product.request("POST", f"/recovery-plans/{plan_id}/drills", options)
    assert reply.status == 202, reply
    return product.finish(reply.body["executionId"])


def standing(product: Product, plan_id: str) -> dict[str, Any]:
    """Where the plan stands, as the API says."""
    reply = product.request("GET", "/compliance", planId=plan_id)
    assert reply.status == 200, reply
    (plan,) = reply.body["plans"]
    found: dict[str, Any] = plan
    return found


def servers_of(product: Product, plan_id: str) -> dict[str, dict[str, Any]]:
    """Where each server of the plan stands, by its host name."""
    reply = product.request("GET", "/compliance/servers", planId=plan_id)
    assert reply.status == 200, reply
    return {server["hostname"]: server for server in reply.body["servers"]}


def rows_about(product: Product, plan_id: str) -> dict[str, dict[str, Any]]:
    """The rows of the plan in the drills table, by their items."""
    return {row["item"]: row for row in product.items("Drills") if row["planId"] == plan_id}


def assess(product: Product, execution_id: str) -> dict[str, Any]:
    """The assessment of the run, as the API answers it."""
    reply = product.request("GET", f"/executions/{execution_id}/assessment")
    assert reply.status == 200, reply
    found: dict[str, Any] = reply.body
    return found
