"""The recovery plans of DRS itself."""

from collections.abc import Callable
from typing import Any

import pytest

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

Step = dict[str, Any]


class Plans:
    """Builds a plan and reads its executions in few words."""

    def __init__(self, emulator: EmulatorClient) -> None:
        self.emulator = emulator
        self.drs: Any = emulator.drs
        self.drs.initialize_service()
        self.arn = self.drs.create_recovery_plan(name="shop")["recoveryPlan"]["recoveryPlanArn"]

    def add(self, name: str, configuration: Step, **more: Any) -> str:
        made = self.drs.create_recovery_plan_step(
            recoveryPlanArn=self.arn, stepName=name, configuration=configuration, **more
        )
        return str(made["recoveryPlanStep"]["recoveryPlanStepArn"])

    def run(self, mode: str = "DRILL", **more: Any) -> str:
        made = self.drs.start_recovery_plan_execution(recoveryPlanArn=self.arn, mode=mode, **more)
        return str(made["recoveryPlanExecution"]["recoveryPlanExecutionArn"])

    def names(self) -> list[str]:
        return [s["stepName"] for s in self.drs.list_recovery_plan_steps(recoveryPlanArn=self.arn)["recoveryPlanSteps"]]

    def status(self, execution: str) -> str:
        found = self.drs.get_recovery_plan_execution(recoveryPlanExecutionArn=execution)
        return str(found["recoveryPlanExecution"]["status"])

    def steps(self, execution: str) -> list[Step]:
        found = self.drs.list_recovery_plan_execution_steps(recoveryPlanExecutionArn=execution)
        return list(found["recoveryPlanExecutionSteps"])

    def statuses(self, execution: str) -> list[str]:
        return [step["status"] for step in self.steps(execution)]


def servers(ids: list[str], level: str = "CRITICAL") -> Step:
    arns = [f"arn:aws:drs:{REGION}:{ACCOUNT}:source-server/{one}" for one in ids]
    return {"serverStepConfiguration": {"servers": [{"serverArn": arn, "impactLevel": level} for arn in arns]}}


def wait(minutes: int) -> Step:
    return {"waitStepConfiguration": {"waitDurationMinutes": minutes}}


@pytest.fixture
def plans(emulator: EmulatorClient) -> Plans:
    return Plans(emulator)


def test_steps_run_one_after_another_with_a_wait_between(plans: Plans) -> None:
    fleet = plans.emulator.seed(4)
    plans.add("databases", servers(fleet[:2]))
    plans.add("pause", wait(30))
    plans.add("web", servers(fleet[2:]))
    execution = plans.run()
    plans.emulator.advance(60)
    assert plans.statuses(execution) == ["EXECUTING", "NOT_STARTED", "NOT_STARTED"]
    plans.emulator.advance(DRILL)
    assert plans.statuses(execution) == ["COMPLETED", "WAITING", "NOT_STARTED"]
    plans.emulator.advance(30 * 60)
    assert plans.statuses(execution) == ["COMPLETED", "COMPLETED", "EXECUTING"]
    plans.emulator.advance(DRILL)
    assert (plans.statuses(execution), plans.status(execution)) == (["COMPLETED"] * 3, "COMPLETED")
    jobs = plans.drs.describe_jobs()["items"]
    assert [(job["initiatedBy"], len(job["participatingServers"])) for job in jobs] == [("START_DRILL", 2)] * 2
    named = plans.steps(execution)[0]["configuration"]["executionServerStepConfiguration"]["servers"]
    assert {server["jobID"] for server in named} == {jobs[1]["jobID"]}


def test_a_failed_optional_server_does_not_stop_the_plan(plans: Plans) -> None:
    broken = plans.emulator.seed(1, failsAt="LAUNCH")
    plans.add("nice to have", servers(broken, "OPTIONAL"))
    execution = plans.run()
    plans.emulator.advance(DRILL)
    assert plans.status(execution) == "COMPLETED"


def failed(plans: Plans) -> tuple[str, str]:
    """Execute a plan that launches one of two servers. Return the execution and its failed step."""
    good = plans.emulator.seed(2)
    broken = plans.emulator.seed(1, hostname="broken")
    plans.emulator.control("POST", "faults", {"kind": "LAUNCH_FAILS", "sourceServerId": broken[0], "count": 1})
    plans.add("first", servers([good[0], *broken]))
    plans.add("second", servers(good[1:]))
    execution = plans.run("RECOVERY")
    plans.emulator.advance(2500)
    assert (plans.status(execution), plans.statuses(execution)) == ("FAILED", ["FAILED", "NOT_STARTED"])
    return execution, plans.steps(execution)[0]["recoveryPlanExecutionStepArn"]


def test_a_retry_of_a_failed_step_has_only_the_failed_servers(plans: Plans) -> None:
    execution, step = failed(plans)
    retried = plans.drs.retry_recovery_plan_execution_step(recoveryPlanExecutionStepArn=step)
    assert (retried["recoveryPlanExecutionStep"]["attempt"], plans.status(execution)) == (2, "IN_PROGRESS")
    assert len(plans.drs.describe_jobs()["items"][0]["participatingServers"]) == 1
    plans.emulator.advance(5000)
    assert plans.status(execution) == "COMPLETED"


def test_a_failed_step_is_skipped_and_the_next_one_runs(plans: Plans) -> None:
    execution, step = failed(plans)
    plans.drs.update_recovery_plan_execution_step(recoveryPlanExecutionStepArn=step, status="SKIPPED")
    assert plans.statuses(execution) == ["SKIPPED", "EXECUTING"]
    plans.emulator.advance(2500)
    assert plans.status(execution) == "COMPLETED"


def test_a_step_that_has_not_started_is_skipped_or_changed(plans: Plans) -> None:
    fleet = plans.emulator.seed(2)
    plans.add("first", servers(fleet[:1]))
    plans.add("pause", wait(120))
    plans.add("last", servers(fleet[1:]))
    execution = plans.run()
    plans.emulator.advance(10)
    _, pause, last = (step["recoveryPlanExecutionStepArn"] for step in plans.steps(execution))
    plans.drs.update_recovery_plan_execution_step(recoveryPlanExecutionStepArn=pause, waitDurationMinutes=1)
    plans.drs.update_recovery_plan_execution_step(recoveryPlanExecutionStepArn=last, status="SKIPPED")
    plans.emulator.advance(DRILL + 60)
    assert (plans.status(execution), plans.statuses(execution)[-1]) == ("COMPLETED", "SKIPPED")


def test_a_cancelled_execution_waits_for_its_job_and_starts_no_other(plans: Plans) -> None:
    fleet = plans.emulator.seed(2)
    plans.add("first", servers(fleet[:1]))
    plans.add("second", servers(fleet[1:]))
    execution = plans.run()
    plans.emulator.advance(60)
    plans.drs.cancel_recovery_plan_execution(recoveryPlanExecutionArn=execution)
    assert plans.status(execution) == "CANCELLING"
    plans.emulator.advance(3 * DRILL)
    assert (plans.status(execution), plans.statuses(execution)) == ("CANCELLED", ["COMPLETED", "SKIPPED"])
    assert len(plans.drs.describe_jobs()["items"]) == 1


def test_a_step_whose_job_cannot_start_fails(plans: Plans) -> None:
    fleet = plans.emulator.seed(2)
    plans.add("only", servers(fleet[:1]))
    plans.emulator.change(quotas={"jobsInProgress": 1})
    plans.emulator.start(fleet[1:])
    execution = plans.run()
    plans.emulator.advance(1)
    assert plans.status(execution) == "FAILED"
    assert plans.steps(execution)[0]["errorDetail"]["code"] == "ServiceQuotaExceededException"


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_start_validates_the_servers_of_all_steps_and_starts_nothing(plans: Plans, place: str) -> None:
    fleet = plans.emulator.seed(2)
    plans.add("first", servers(fleet[:1], "OPTIONAL"))
    plans.add("last", servers(fleet[1:], "OPTIONAL"))
    plans.emulator.start(fleet[:1] if place == "first" else fleet[1:])
    with pytest.raises(plans.drs.exceptions.ConflictException):
        plans.run()
    assert plans.drs.list_recovery_plan_executions()["recoveryPlanExecutions"] == []
    assert len(plans.drs.describe_jobs()["items"]) == 1


def test_an_execution_holds_the_servers_of_all_its_steps_until_it_ends(plans: Plans) -> None:
    fleet = plans.emulator.seed(3)
    plans.add("first", servers(fleet[:1]))
    plans.add("last", servers(fleet[1:2]))
    plans.run()
    with pytest.raises(plans.drs.exceptions.ConflictException) as held:
        plans.emulator.start(fleet[1:])
    assert held.value.response["resourceId"] == fleet[1]
    plans.emulator.start(fleet[2:])
    other = plans.drs.create_recovery_plan(name="other")["recoveryPlan"]["recoveryPlanArn"]
    plans.drs.create_recovery_plan_step(recoveryPlanArn=other, stepName="same", configuration=servers(fleet[1:2]))
    with pytest.raises(plans.drs.exceptions.ConflictException):
        plans.drs.start_recovery_plan_execution(recoveryPlanArn=other, mode="DRILL")
    plans.emulator.advance(3 * DRILL)
    plans.emulator.start(fleet[:2])


def test_an_execution_has_an_arn_of_its_own(plans: Plans) -> None:
    plans.add("only", servers(plans.emulator.seed(1)))
    assert plans.run().startswith(f"arn:aws:drs:{REGION}:{ACCOUNT}:recovery-plan-execution/")


@pytest.mark.parametrize("of_the_plan", [True, False])
def test_a_snapshot_that_does_not_exist_is_invalid(plans: Plans, of_the_plan: bool) -> None:
    fleet = plans.emulator.seed(2)
    plans.add("only", servers(fleet[:1]))
    asked = {"sourceServerID": fleet[0 if of_the_plan else 1], "recoverySnapshotID": "pit-" + "0" * 17}
    with pytest.raises(plans.drs.exceptions.ValidationException):
        plans.run(sourceServers=[asked])


def test_an_execution_ends_after_24_hours(plans: Plans) -> None:
    plans.add("only", servers(plans.emulator.seed(1)))
    plans.emulator.control("POST", "faults", {"kind": "JOB_STAYS_PENDING"})
    execution = plans.run()
    plans.emulator.advance(24 * 3600 + 1)
    assert (plans.status(execution), plans.statuses(execution)) == ("FAILED", ["TIMED_OUT"])
    step = plans.steps(execution)[0]["recoveryPlanExecutionStepArn"]
    with pytest.raises(plans.drs.exceptions.ConflictException):
        plans.drs.retry_recovery_plan_execution_step(recoveryPlanExecutionStepArn=step)
    with pytest.raises(plans.drs.exceptions.ConflictException):
        plans.drs.update_recovery_plan_execution_step(recoveryPlanExecutionStepArn=step, status="SKIPPED")


def test_steps_keep_their_order_when_one_is_added_or_deleted(plans: Plans) -> None:
    fleet = plans.emulator.seed(3)
    arns = {name: plans.add(name, servers([server])) for name, server in zip("abc", fleet, strict=True)}
    plans.add("d", wait(1), stepOrder=2)
    assert plans.names() == ["a", "d", "b", "c"]
    plans.drs.delete_recovery_plan_step(recoveryPlanStepArn=arns["b"])
    left = plans.drs.list_recovery_plan_steps(recoveryPlanArn=plans.arn)["recoveryPlanSteps"]
    assert [step["stepOrder"] for step in left] == [1, 2, 3]
    reverse = [step["recoveryPlanStepArn"] for step in left][::-1]
    plans.drs.reorder_recovery_plan_steps(recoveryPlanArn=plans.arn, orderedStepArns=reverse)
    assert plans.names() == ["c", "d", "a"]
    with pytest.raises(plans.drs.exceptions.ValidationException):
        plans.drs.reorder_recovery_plan_steps(recoveryPlanArn=plans.arn, orderedStepArns=reverse[:2])


def test_a_client_token_makes_a_repeated_call_idempotent(plans: Plans) -> None:
    plans.add("only", servers(plans.emulator.seed(1)))
    first = plans.run(clientToken="once")
    assert plans.run(clientToken="once") == first
    with pytest.raises(plans.drs.exceptions.ConflictException):
        plans.run("RECOVERY", clientToken="once")
    with pytest.raises(plans.drs.exceptions.ConflictException):
        plans.run()
    assert len(plans.drs.list_recovery_plan_executions()["recoveryPlanExecutions"]) == 1


def too_many_servers(plans: Plans) -> None:
    fleet = plans.emulator.seed(101)
    plans.add("first", servers(fleet[:60]))
    plans.add("second", servers(fleet[60:]))


def too_many_steps(plans: Plans) -> None:
    plans.add("first", servers(plans.emulator.seed(1)))
    for number in range(21):
        plans.add(f"step {number}", wait(1))


def the_same_server_twice(plans: Plans) -> None:
    fleet = plans.emulator.seed(1)
    plans.add("first", servers(fleet))
    plans.add("second", servers(fleet))


def another_type(plans: Plans) -> None:
    fleet = plans.emulator.seed(2)
    plans.add("first", servers(fleet[:1]))
    step = plans.add("pause", wait(1))
    plans.drs.update_recovery_plan_step(recoveryPlanStepArn=step, configuration=servers(fleet[1:]))


def an_empty_plan(plans: Plans) -> None:
    plans.run()


def a_wait_first(plans: Plans) -> None:
    plans.add("pause", wait(1))


def _server_wait_server(plans: Plans) -> list[str]:
    fleet = plans.emulator.seed(2)
    return [
        plans.add("first", servers(fleet[:1])),
        plans.add("pause", wait(1)),
        plans.add("last", servers(fleet[1:])),
    ]


def a_wait_moved_to_the_front(plans: Plans) -> None:
    first, pause, last = _server_wait_server(plans)
    plans.drs.reorder_recovery_plan_steps(recoveryPlanArn=plans.arn, orderedStepArns=[pause, first, last])


def a_wait_left_at_the_front(plans: Plans) -> None:
    first, _, _ = _server_wait_server(plans)
    plans.drs.delete_recovery_plan_step(recoveryPlanStepArn=first)


def _leave_only_the_wait(plans: Plans) -> None:
    first, _, last = _server_wait_server(plans)
    plans.drs.delete_recovery_plan_step(recoveryPlanStepArn=last)
    plans.drs.delete_recovery_plan_step(recoveryPlanStepArn=first)


def a_plan_without_a_server_step_started(plans: Plans) -> None:
    _leave_only_the_wait(plans)
    plans.run()


def a_server_of_a_plan_deleted(plans: Plans) -> None:
    fleet = plans.emulator.seed(1)
    plans.add("only", servers(fleet))
    plans.drs.disconnect_source_server(sourceServerID=fleet[0])
    plans.drs.delete_source_server(sourceServerID=fleet[0])


def too_many_plans(plans: Plans) -> None:
    for number in range(1000):  # one exists
        plans.drs.create_recovery_plan(name=f"plan {number}")


def a_plan_that_is_executed_deleted(plans: Plans) -> None:
    plans.add("only", servers(plans.emulator.seed(1)))
    plans.run()
    plans.drs.delete_recovery_plan(recoveryPlanArn=plans.arn)


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (too_many_servers, "ServiceQuotaExceededException"),
        (too_many_steps, "ServiceQuotaExceededException"),
        (the_same_server_twice, "ValidationException"),
        (another_type, "ValidationException"),
        (an_empty_plan, "ValidationException"),
        (a_wait_first, "ValidationException"),
        (a_wait_moved_to_the_front, "ValidationException"),
        (a_wait_left_at_the_front, "ValidationException"),
        (a_plan_without_a_server_step_started, "ConflictException"),
        (a_server_of_a_plan_deleted, "ConflictException"),
        (too_many_plans, "ServiceQuotaExceededException"),
        (a_plan_that_is_executed_deleted, "ConflictException"),
        (lambda plans: plans.add("stranger", servers(["s-" + "0" * 17])), "ResourceNotFoundException"),
        (lambda plans: plans.drs.create_recovery_plan(name="shop"), "ConflictException"),
    ],
)
def test_an_invalid_plan_is_rejected(plans: Plans, attempt: Callable[[Plans], object], error: str) -> None:
    with pytest.raises(plans.drs.exceptions.from_code(error)):
        attempt(plans)


def test_a_plan_is_invalid_when_no_server_step_is_left(plans: Plans) -> None:
    def status() -> str:
        return str(plans.drs.list_recovery_plans()["recoveryPlans"][0]["status"])

    assert status() == "ACTIVE"
    _leave_only_the_wait(plans)
    assert status() == "INVALID"
    fleet = plans.emulator.seed(1, hostname="new")
    plans.add("again", servers(fleet), stepOrder=1)
    assert status() == "ACTIVE"


def test_a_server_is_deleted_once_it_is_in_no_plan(plans: Plans) -> None:
    fleet = plans.emulator.seed(1)
    step = plans.add("only", servers(fleet))
    plans.drs.disconnect_source_server(sourceServerID=fleet[0])
    plans.drs.delete_recovery_plan_step(recoveryPlanStepArn=step)
    plans.drs.delete_source_server(sourceServerID=fleet[0])
    assert plans.drs.describe_source_servers()["items"] == []


def test_plans_steps_and_executions_are_paginated(plans: Plans) -> None:
    fleet = plans.emulator.seed(5)
    for number, server in enumerate(fleet):
        plans.drs.create_recovery_plan(name=f"plan {number}")
        plans.add(f"step {number}", servers([server]))
    for _ in range(3):
        plans.run()
        plans.emulator.advance(5 * DRILL)
    execution = plans.run()
    for name, arguments, number in (
        ("list_recovery_plans", {}, 6),
        ("list_recovery_plan_steps", {"recoveryPlanArn": plans.arn}, 5),
        ("list_recovery_plan_executions", {}, 4),
        ("list_recovery_plan_execution_steps", {"recoveryPlanExecutionArn": execution}, 5),
    ):
        paginator = plans.drs.get_paginator(name)
        whole = paginator.paginate(**arguments).build_full_result()
        paged = paginator.paginate(**arguments, PaginationConfig={"PageSize": 2}).build_full_result()
        assert paged == whole
        assert [len(entries) for entries in whole.values() if isinstance(entries, list)] == [number]
