"""Plans with a drill policy, and looks at their appointments."""

from typing import Any

from recovery import clock
from tests.support.product import Product
from tests.support.time_travel import pass_hours


def now(product: Product) -> float:
    """The product's time."""
    return product.emulator.world.clock.now()


def go_to(product: Product, moment: float) -> None:
    """Let time pass until this moment, in epoch seconds."""
    if (left := moment - now(product)) > 0:
        pass_hours(product, left / 3_600)


def look(product: Product, *, drills_end: bool = True) -> dict[str, Any]:
    """What the schedule does every five minutes, to the end of the readiness runs (and drills) that it starts."""
    made: dict[str, Any] = product.engine.invoke("StartDrills", {})
    for run in product.engine.executions("recover-plan"):
        if drills_end or run.name.startswith("readiness-"):
            run.wait(60)
    return made


def next_of(product: Product, plan: str, count: int = 10) -> list[float]:
    """The next appointments of the plan, as the API forecasts them."""
    listed = schedule_of(product, plan, count)["next"]
    return [clock.parse_iso(each["at"]) for each in listed]


def schedule_of(product: Product, plan: str, count: int = 10) -> dict[str, Any]:
    """The schedule of the plan, as the API shows it."""
    reply = product.request("GET", f"/recovery-plans/{plan}/drill-schedule", count=str(count))
    assert reply.status == 200, reply
    return dict(reply.body)


def drills_of(product: Product, plan: str, mode: str = "DRILL") -> list[dict[str, Any]]:
    """The runs of the plan that its schedule has started, oldest first."""
    listed = product.request("GET", "/executions", planId=plan, limit="100").body["executions"]
    return [run for run in reversed(listed) if run["requestedBy"] == "schedule" and run["mode"] == mode]


def decided(product: Product, plan: str) -> list[tuple[str, str]]:
    """The appointments of the plan that were decided, oldest first: status and reason."""
    return [(each["status"], each["reason"] or "") for each in reversed(schedule_of(product, plan)["past"])]


def make_scheduled(product: Product, name: str = "db", servers: int = 1, **policy: Any) -> str:
    """A plan that is drilled on a schedule: by itself every day at 02:00 UTC, without a readiness run first."""
    rules = {"skipIfNotReady": False, **({} if "everyDays" in policy else {"schedule": "0 2 * * *"}), **policy}
    wave = {"name": "db", "groups": [product.group(product.seed(servers, prefix=name), name=name)]}
    return product.plan(wave, name=name, drillPolicy=rules)
