"""Evidence is due from the creation of a run on, and the look of the schedules begins what is due."""

from typing import Any

import pytest

from tests.support.drill_schedules import drills_of, go_to, make_scheduled, next_of
from tests.support.due_evidence import begun, change_settings, due, look
from tests.support.fault_injection import Call, calls_through
from tests.support.product import Product
from tests.support.time_travel import pass_hours


def planned(product: Product) -> str:
    return product.plan({"name": "web", "groups": [product.group(product.seed(1))]})


def test_the_evidence_of_each_run_is_due_from_its_creation_on(product: Product) -> None:
    execution_id = product.drill(planned(product))["executionId"]
    assert due(product) == [execution_id]


def test_a_readiness_check_that_a_person_has_asked_for_has_evidence_and_one_of_a_schedule_has_none(
    product: Product,
) -> None:
    plan_id = planned(product)
    asked = product.start(plan_id, "readiness")
    product.finish(asked)
    plan = product.request("GET", f"/recovery-plans/{plan_id}").body
    body = {name: plan[name] for name in ("name", "waves", "version")} | {"readinessEveryHours": 1}
    assert product.request("PUT", f"/recovery-plans/{plan_id}", body).status == 200
    pass_hours(product, 25)
    product.engine.invoke("ListTargets", {})
    runs = [one.wait(60).name for one in product.engine.executions("recover-plan")]
    assert len(runs) == 2, "the schedule has started one"
    assert due(product) == [asked]


def test_a_look_begins_the_evidence_of_a_run_that_ended_ten_minutes_ago_and_begins_it_once(product: Product) -> None:
    execution_id = product.drill(planned(product))["executionId"]
    pass_hours(product, 0.25)
    assert look(product) == 1
    assert begun(product) == [f"{execution_id}_end"]
    assert due(product) == []
    assert look(product) == 0


def test_a_drill_of_a_schedule_has_evidence_that_is_due_and_the_check_before_it_has_none(product: Product) -> None:
    plan_id = make_scheduled(product, skipIfNotReady=True)
    (at,) = next_of(product, plan_id, 1)
    go_to(product, at + 60)
    for _ in range(2):
        product.engine.invoke("StartDrills", {})
        for run in product.engine.executions("recover-plan"):
            run.wait(60)
    (drill,) = drills_of(product, plan_id)
    assert len(drills_of(product, plan_id, "READINESS")) == 1
    assert due(product) == [drill["executionId"]]


@pytest.mark.evidence
def test_the_end_of_a_check_before_a_drill_of_a_schedule_begins_no_evidence(product: Product) -> None:
    plan_id = make_scheduled(product, skipIfNotReady=True)
    (at,) = next_of(product, plan_id, 1)
    go_to(product, at + 60)
    product.engine.invoke("StartDrills", {})
    (check,) = [run.wait(60) for run in product.engine.executions("recover-plan")]
    assert check.name.startswith("readiness-")
    assert begun(product) == []


@pytest.mark.real_durations
def test_a_run_that_goes_on_stays_due_and_is_not_begun(product: Product) -> None:
    execution_id = product.start(planned(product))
    product.machine(execution_id).wait_for_state("RecoverTargets")
    assert (look(product), due(product)) == (0, [execution_id])


def test_a_run_that_never_started_has_evidence_too(product: Product) -> None:
    """Step Functions refuses the start: no machine ends, so no function begins the evidence but the look."""
    plan_id = planned(product)

    def refusing(call: Call) -> Call:
        def made(self: Any, operation: str, parameters: Any) -> Any:
            if operation == "StartExecution":
                raise self.exceptions.StateMachineDoesNotExist(
                    {"Error": {"Code": "StateMachineDoesNotExist", "Message": "gone"}}, operation
                )
            return call(self, operation, parameters)

        return made

    with calls_through(refusing):
        assert product.request("POST", f"/recovery-plans/{plan_id}/drills").status == 503
    (execution_id,) = due(product)
    pass_hours(product, 0.25)
    assert look(product) == 1
    begun(product)
    assert product.request("GET", f"/executions/{execution_id}/evidence").body["evidence"][0]["occasion"] == "end"


def test_evidence_that_failed_is_begun_again_hours_later_under_another_name(product: Product) -> None:
    execution_id = product.drill(planned(product))["executionId"]
    change_settings(product, EVIDENCE_KEY="alias/not-there")
    pass_hours(product, 0.25)
    assert look(product) == 1
    assert [one.wait(60).status for one in product.engine.executions("keep-evidence")] == ["FAILED"]
    assert due(product) == [execution_id]
    change_settings(product, EVIDENCE_KEY="")
    pass_hours(product, 4)
    assert look(product) == 1
    assert begun(product) == [f"{execution_id}_end", f"{execution_id}_end_1"]
    assert due(product) == []


def test_rows_that_cannot_be_read_keep_no_other_run_from_its_evidence_and_no_plan_from_its_drill(
    product: Product,
) -> None:
    sound, broken = make_scheduled(product, "sound"), make_scheduled(product, "broken")
    (row,) = [row for row in product.items("RecoveryPlans") if row["planId"] == broken]
    product.put("RecoveryPlans", {**row, "drillPolicy": {**row["drillPolicy"], "countsIf": "of a later version"}})
    plan_id = planned(product)
    runs = [product.drill(plan_id)["executionId"] for _ in range(2)]
    (meta,) = [row for row in product.items("Executions") if (row["executionId"], row["item"]) == (runs[0], "META")]
    product.put("Executions", {**meta, "status": "OF_A_LATER_VERSION"})
    (at,) = next_of(product, sound, 1)
    go_to(product, at + 60)
    assert look(product) == 1
    assert len(drills_of(product, sound)) == 1
