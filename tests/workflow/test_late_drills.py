"""Drills of a schedule that begin late in their window, after one that a person has started meanwhile."""

import pytest

from tests.support.drill_schedules import drills_of, go_to, look, make_scheduled, next_of
from tests.support.drilled_plans import assess, record, servers_of, standing
from tests.support.product import Product

HOUR = 3_600


class Drilled:
    """A plan with a drill of a person one hour after its appointment, and the appointment's drill an hour later."""

    def __init__(self, product: Product) -> None:
        self.plan = make_scheduled(product)
        (at,) = next_of(product, self.plan, 1)
        go_to(product, at + HOUR)
        self.manual = str(product.start(self.plan))
        product.finish(self.manual)
        go_to(product, at + 2 * HOUR)
        look(product)
        (late,) = drills_of(product, self.plan)
        self.late = str(late["executionId"])
        assert self.late < self.manual, "the id of a drill of the schedule has the time of its appointment"
        assert late["requestedAt"] > product.record(self.manual)["requestedAt"]


@pytest.fixture
def drilled(product: Product) -> Drilled:
    return Drilled(product)


@pytest.mark.parametrize("in_order", [True, False])
def test_the_late_drill_is_the_last_one_in_whatever_order_they_are_recorded(
    product: Product, drilled: Drilled, *, in_order: bool
) -> None:
    for run in (drilled.manual, drilled.late) if in_order else (drilled.late, drilled.manual):
        record(product, run)
    found = standing(product, drilled.plan)
    assert found["lastDrill"]["executionId"] == drilled.late
    assert found["lastCounting"]["executionId"] == drilled.late
    (server,) = servers_of(product, drilled.plan).values()
    assert server["lastCounting"]["executionId"] == drilled.late


def test_the_late_drill_was_run_after_the_one_of_a_person(product: Product, drilled: Drilled) -> None:
    record(product, drilled.manual)
    record(product, drilled.late)
    assert assess(product, drilled.late)["previous"]["executionId"] == drilled.manual
    assert assess(product, drilled.manual)["previous"] is None


def test_a_late_drill_that_is_rejected_hands_back_to_the_one_of_a_person(product: Product, drilled: Drilled) -> None:
    record(product, drilled.manual)
    record(product, drilled.late)
    body = {"verdict": "REJECTED", "comment": "the shop sold nothing"}
    assert product.request("PUT", f"/executions/{drilled.late}/verdict", body).status == 200
    record(product, drilled.late, "verdict-1")
    found = standing(product, drilled.plan)
    assert found["lastDrill"]["executionId"] == drilled.late
    assert found["lastCounting"]["executionId"] == drilled.manual
    (server,) = servers_of(product, drilled.plan).values()
    assert server["lastCounting"]["executionId"] == drilled.manual
