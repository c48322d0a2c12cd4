"""Operations of executions of recovery plans. `simulation.plan_execution` runs them."""

from typing import Any

from drs_emulator.errors import Conflict, Invalid, ResourceNotFound
from drs_emulator.ids import new_id
from drs_emulator.operations.pagination import paginate
from drs_emulator.operations.recovery_plans import (
    check_servers,
    find_by_client_token,
    refuse_if_executing,
    remember_client_token,
)
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.source_servers import refuse_if_in_job
from drs_emulator.records.recovery_plan import WAIT_STEP, ExecutionStep, PlanExecution, PlanStep, RecoveryPlan
from drs_emulator.simulation.plan_execution import cancel, run_next_step, run_step, schedule_start
from drs_emulator.world.quotas import server_conflict


@operation("StartRecoveryPlanExecution")
def start_recovery_plan_execution(call: Call) -> dict[str, Any]:
    plan = call.target.plan(call.input["recoveryPlanArn"])
    arn = find_by_client_token(call)
    if arn is None:
        refuse_if_executing(call, plan)
        _check_start(call, plan)
        arn = call.target.key.arn("recovery-plan-execution", new_id("rpe-"))
        steps = [
            _build_step(call, f"{arn}/step/{new_id('rpes-')}", index, step) for index, step in enumerate(plan.steps, 1)
        ]
        execution = PlanExecution(arn, plan.arn, call.input["mode"], call.now, steps, _read_snapshots(call, plan))
        execution.tags = dict(call.input.get("tags") or {})
        call.target.executions[arn] = execution
        schedule_start(call.world, call.target, execution)
        remember_client_token(call, arn)
    return {"recoveryPlanExecution": call.target.execution(arn).to_api()}


def _check_start(call: Call, plan: RecoveryPlan) -> None:
    """Validate all servers of all steps first, optional ones too. Raise Invalid, Conflict, ResourceNotFound."""
    if not plan.steps:
        raise Invalid(f"{plan.arn} has no steps", "other")
    if not plan.is_valid:
        raise Conflict(f"{plan.arn} is not ACTIVE", resourceId=plan.arn, resourceType="RecoveryPlan")
    for arn in plan.server_arns:
        server = call.target.server(arn.rpartition("/")[2])
        refuse_if_in_job(call, server)
        if server.in_conflict:
            raise server_conflict(server.id, "is in a conflict")
        if execution := call.target.execution_of(server.id):
            raise server_conflict(server.id, f"is in {execution.arn}")


@operation("GetRecoveryPlanExecution")
def get_recovery_plan_execution(call: Call) -> dict[str, Any]:
    return {"recoveryPlanExecution": _find_execution(call).to_api()}


@operation("ListRecoveryPlanExecutions")
def list_recovery_plan_executions(call: Call) -> dict[str, Any]:
    """Oldest first."""
    plan_arn, status = call.input.get("recoveryPlanArn"), call.input.get("status")
    matching = [
        execution
        for execution in call.target.executions.values()
        if plan_arn in (None, execution.plan_arn) and status in (None, execution.status)
    ]
    matching.sort(key=_sort_key)
    return paginate(call, matching, _sort_key, PlanExecution.summary, name="recoveryPlanExecutions")


@operation("DeleteRecoveryPlanExecution")
def delete_recovery_plan_execution(call: Call) -> dict[str, Any]:
    execution = _find_execution(call)
    if execution.is_open:
        raise _conflict(execution.arn, f"it is {execution.status}")
    del call.target.executions[execution.arn]
    return {"recoveryPlanExecutionArn": execution.arn}


@operation("CancelRecoveryPlanExecution")
def cancel_recovery_plan_execution(call: Call) -> dict[str, Any]:
    execution = _find_execution(call)
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
    steps = [step for step in _find_execution(call).steps if status in (None, step.status)]
    return paginate(
        call, steps, lambda step: f"{step.index:03}", ExecutionStep.summary, name="recoveryPlanExecutionSteps"
    )


@operation("RetryRecoveryPlanExecutionStep")
def retry_recovery_plan_execution_step(call: Call) -> dict[str, Any]:
    """Retry a failed server step, which resumes the execution."""
    execution, step = _find_step(call)
    if step.wait_minutes is not None:
        raise Invalid(f"{step.arn} is not a server step", "other")
    if step.status != "FAILED" or execution.status != "FAILED":
        raise _conflict(step.arn, f"the step is {step.status}, its execution {execution.status}")
    _refuse_timed_out(execution)
    refuse_if_executing(call, call.target.plan(execution.plan_arn))
    step.attempt += 1
    execution.status, execution.error, execution.completed_at = "IN_PROGRESS", None, None
    run_step(call.world, call.target, execution, step, call.now)
    return {"recoveryPlanExecutionStep": step.to_api()}


@operation("UpdateRecoveryPlanExecutionStep")
def update_recovery_plan_execution_step(call: Call) -> dict[str, Any]:
    """Skip a step, or change one that has not started. Skipping a failed step resumes the execution."""
    execution, step = _find_step(call)
    status, servers, minutes = (call.input.get(name) for name in ("status", "servers", "waitDurationMinutes"))
    if len([value for value in (status, servers, minutes) if value is not None]) != 1:
        raise Invalid("Exactly one of status, servers and waitDurationMinutes must be given", "other")
    if status is not None:
        _skip(call, execution, step, status)
    else:
        if (servers is None) != (step.wait_minutes is not None):
            raise Invalid(f"{step.arn} has the other type", "other")
        if step.status != "NOT_STARTED":
            raise _conflict(step.arn, f"it is {step.status}")
        if servers is not None:
            others = [server["serverArn"] for other in execution.steps if other is not step for server in other.servers]
            check_servers(call, [server["serverArn"] for server in servers], others)
            step.servers = servers
        step.wait_minutes, step.updated_at = minutes, call.now
    return {"recoveryPlanExecutionStep": step.to_api()}


def _skip(call: Call, execution: PlanExecution, step: ExecutionStep, status: str) -> None:
    if status != "SKIPPED":
        raise Invalid("status: must be SKIPPED", fields=[("status", "must be SKIPPED")])
    if step.status not in ("NOT_STARTED", "FAILED"):
        raise _conflict(step.arn, f"it is {step.status}")
    _refuse_timed_out(execution)
    resumes = step.status != "NOT_STARTED" and execution.status == "FAILED"
    if resumes:
        refuse_if_executing(call, call.target.plan(execution.plan_arn))
    step.end("SKIPPED", call.now)
    if resumes:
        run_next_step(call.world, call.target, execution, call.now)


def _refuse_timed_out(execution: PlanExecution) -> None:
    if execution.is_timed_out:
        raise _conflict(execution.arn, "it is timed out and cannot be resumed")


def _build_step(call: Call, arn: str, index: int, step: PlanStep) -> ExecutionStep:
    minutes = step.configuration.get(WAIT_STEP, {}).get("waitDurationMinutes")
    return ExecutionStep(arn, index, step.name, list(step.servers), minutes, call.now, call.now)


def _read_snapshots(call: Call, plan: RecoveryPlan) -> dict[str, str]:
    """Map source servers to the recovery points of the request. Raise Invalid if one does not exist."""
    servers = call.input.get("sourceServers") or []
    snapshots = {server["sourceServerID"]: server["recoverySnapshotID"] for server in servers}
    for server_id, snapshot_id in snapshots.items():
        if call.target.key.arn("source-server", server_id) not in plan.server_arns:
            problem = f"{server_id} is not in the plan"
            raise Invalid(f"sourceServers: {problem}", fields=[("sourceServers", problem)])
        if snapshot_id not in call.target.server(server_id).recovery_points(call.now):
            problem = f"{server_id} has no recovery snapshot {snapshot_id}"
            raise Invalid(f"sourceServers: {problem}", fields=[("sourceServers", problem)])
    return snapshots


def _find_execution(call: Call) -> PlanExecution:
    return call.target.execution(call.input["recoveryPlanExecutionArn"])


def _find_step(call: Call) -> tuple[PlanExecution, ExecutionStep]:
    arn: str = call.input["recoveryPlanExecutionStepArn"]
    execution = call.target.executions.get(arn.rpartition("/step/")[0])
    for step in execution.steps if execution else ():
        if execution and step.arn == arn:
            return execution, step
    raise ResourceNotFound(f"There is no step {arn}", resourceId=arn, resourceType="RecoveryPlanExecutionStep")


def _sort_key(execution: PlanExecution) -> str:
    return f"{execution.started_at:017.3f} {execution.arn}"


def _conflict(arn: str, why: str) -> Conflict:
    return Conflict(f"{arn}: {why}", resourceId=arn, resourceType="RecoveryPlanExecution")
