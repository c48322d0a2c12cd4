"""Executions of recovery plans: starting, watching, retrying, skipping, cancelling. How one goes on is in `steps`."""

from typing import Any

from drs_emulator.errors import Conflict, Invalid, ResourceNotFound
from drs_emulator.ids import new_id
from drs_emulator.operations.pagination import page
from drs_emulator.operations.recovery_plans import check_servers, is_valid, made_before, refuse_executed, remember
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.recovery_plan import WAIT, ExecutionStep, PlanExecution, PlanStep
from drs_emulator.simulation.plan_execution import cancel, go_on, run_step, schedule_start


@operation("StartRecoveryPlanExecution")
def start_recovery_plan_execution(call: Call) -> dict[str, Any]:
    plan = call.target.plan(call.input["recoveryPlanArn"])
    arn = made_before(call)
    if arn is None:
        refuse_executed(call, plan)
        if not plan.steps or not is_valid(call, plan):
            raise Invalid(f"{plan.arn} has no steps, or names servers that are not there", "other")
        arn = f"{plan.arn}/execution/{new_id('rpe-')}"
        steps = [_step(call, f"{arn}/step/{new_id('rpes-')}", index, step) for index, step in enumerate(plan.steps, 1)]
        execution = PlanExecution(arn, plan.arn, call.input["mode"], call.now, steps, _snapshots(call))
        execution.tags = dict(call.input.get("tags") or {})
        call.target.executions[arn] = execution
        schedule_start(call.world, call.target, execution)
        remember(call, arn)
    return {"recoveryPlanExecution": call.target.execution(arn).to_api()}


@operation("GetRecoveryPlanExecution")
def get_recovery_plan_execution(call: Call) -> dict[str, Any]:
    return {"recoveryPlanExecution": _execution(call).to_api()}


@operation("ListRecoveryPlanExecutions")
def list_recovery_plan_executions(call: Call) -> dict[str, Any]:
    """Oldest first."""
    plan_arn, status = call.input.get("recoveryPlanArn"), call.input.get("status")
    found = [
        execution
        for execution in call.target.executions.values()
        if plan_arn in (None, execution.plan_arn) and status in (None, execution.status)
    ]
    found.sort(key=_place)
    return page(call, found, _place, PlanExecution.summary, name="recoveryPlanExecutions")


@operation("DeleteRecoveryPlanExecution")
def delete_recovery_plan_execution(call: Call) -> dict[str, Any]:
    execution = _execution(call)
    if execution.open:
        raise _conflict(execution.arn, f"it is {execution.status}")
    del call.target.executions[execution.arn]
    return {"recoveryPlanExecutionArn": execution.arn}


@operation("CancelRecoveryPlanExecution")
def cancel_recovery_plan_execution(call: Call) -> dict[str, Any]:
    execution = _execution(call)
    if execution.status not in ("CREATED", "IN_PROGRESS"):
        raise _conflict(execution.arn, f"it is {execution.status}")
    cancel(execution, call.now)
    return {"recoveryPlanExecution": execution.to_api()}


@operation("GetRecoveryPlanExecutionStep")
def get_recovery_plan_execution_step(call: Call) -> dict[str, Any]:
    return {"recoveryPlanExecutionStep": _find_step(call)[1].to_api()}


@operation("ListRecoveryPlanExecutionSteps")
def list_recovery_plan_execution_steps(call: Call) -> dict[str, Any]:
    status = (call.input.get("filter") or {}).get("status")
    steps = [step for step in _execution(call).steps if status in (None, step.status)]
    return page(call, steps, lambda step: f"{step.index:03}", ExecutionStep.summary, name="recoveryPlanExecutionSteps")


@operation("RetryRecoveryPlanExecutionStep")
def retry_recovery_plan_execution_step(call: Call) -> dict[str, Any]:
    """Of a server step that has failed; the execution goes on with it."""
    execution, step = _find_step(call)
    if step.wait_minutes is not None:
        raise Invalid(f"{step.arn} is no server step", "other")
    if step.status != "FAILED" or execution.status != "FAILED":
        raise _conflict(step.arn, f"the step is {step.status}, its execution {execution.status}")
    refuse_executed(call, call.target.plan(execution.plan_arn))
    step.attempt += 1
    execution.status, execution.error, execution.completed_at = "IN_PROGRESS", None, None
    run_step(call.world, call.target, execution, step, call.now)
    return {"recoveryPlanExecutionStep": step.to_api()}


@operation("UpdateRecoveryPlanExecutionStep")
def update_recovery_plan_execution_step(call: Call) -> dict[str, Any]:
    """Skips a step, or changes one that has not started. Skipping a failed step lets the execution go on."""
    execution, step = _find_step(call)
    status, servers, minutes = (call.input.get(name) for name in ("status", "servers", "waitDurationMinutes"))
    if len([value for value in (status, servers, minutes) if value is not None]) != 1:
        raise Invalid("Exactly one of status, servers and waitDurationMinutes must be given", "other")
    if status is not None:
        _skip(call, execution, step, status)
    else:
        if (servers is None) != (step.wait_minutes is not None):
            raise Invalid(f"{step.arn} is of the other type", "other")
        if step.status != "NOT_STARTED":
            raise _conflict(step.arn, f"it is {step.status}")
        if servers is not None:
            others = [each["serverArn"] for other in execution.steps if other is not step for each in other.servers]
            check_servers(call, [server["serverArn"] for server in servers], others)
            step.servers = servers
        step.wait_minutes, step.updated_at = minutes, call.now
    return {"recoveryPlanExecutionStep": step.to_api()}


def _skip(call: Call, execution: PlanExecution, step: ExecutionStep, status: str) -> None:
    if status != "SKIPPED":
        raise Invalid("status: must be SKIPPED", fields=[("status", "must be SKIPPED")])
    if step.status not in ("NOT_STARTED", "FAILED", "TIMED_OUT"):
        raise _conflict(step.arn, f"it is {step.status}")
    takes_up = step.status != "NOT_STARTED" and execution.status == "FAILED"
    if takes_up:
        refuse_executed(call, call.target.plan(execution.plan_arn))
    step.end("SKIPPED", call.now)
    if takes_up:
        go_on(call.world, call.target, execution, call.now)


def _step(call: Call, arn: str, index: int, step: PlanStep) -> ExecutionStep:
    minutes = step.configuration.get(WAIT, {}).get("waitDurationMinutes")
    return ExecutionStep(arn, index, step.name, list(step.servers), minutes, call.now, call.now)


def _snapshots(call: Call) -> dict[str, str]:
    """Raises ResourceNotFound."""
    chosen = {each["sourceServerID"]: each["recoverySnapshotID"] for each in call.input.get("sourceServers") or []}
    for server_id, snapshot_id in chosen.items():
        if snapshot_id not in call.target.server(server_id).recovery_points(call.now):
            raise ResourceNotFound(
                f"{server_id} has no recovery snapshot {snapshot_id}", resourceId=snapshot_id, resourceType="Snapshot"
            )
    return chosen


def _execution(call: Call) -> PlanExecution:
    return call.target.execution(call.input["recoveryPlanExecutionArn"])


def _find_step(call: Call) -> tuple[PlanExecution, ExecutionStep]:
    arn: str = call.input["recoveryPlanExecutionStepArn"]
    execution = call.target.executions.get(arn.rpartition("/step/")[0])
    for step in execution.steps if execution else ():
        if execution and step.arn == arn:
            return execution, step
    raise ResourceNotFound(f"There is no step {arn}", resourceId=arn, resourceType="RecoveryPlanExecutionStep")


def _place(execution: PlanExecution) -> str:
    return f"{execution.started_at:017.3f} {execution.arn}"


def _conflict(arn: str, why: str) -> Conflict:
    return Conflict(f"{arn}: {why}", resourceId=arn, resourceType="RecoveryPlanExecution")
