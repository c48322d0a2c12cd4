"""Operations of recovery plans and their steps."""

import json
from typing import Any

from drs_emulator.errors import Conflict, Invalid, QuotaExceeded, ResourceNotFound
from drs_emulator.ids import digest, new_id
from drs_emulator.operations.launch_settings import input_without
from drs_emulator.operations.pagination import paginate
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.recovery_plan import SERVER_STEP, WAIT_STEP, PlanStep, RecoveryPlan

MAX_STEPS = 20  # per plan
MAX_SERVERS = 100  # per plan
MAX_PLANS = 1000  # per account and Region


@operation("CreateRecoveryPlan")
def create_recovery_plan(call: Call) -> dict[str, Any]:
    """That names are unique is an assumption."""
    arn = find_by_client_token(call)
    if arn is None:
        _refuse_taken_name(call, call.input["name"])
        if len(call.target.plans) >= MAX_PLANS:
            raise QuotaExceeded(f"There can be {MAX_PLANS} recovery plans", serviceCode="drs")
        arn = call.target.key.arn("recovery-plan", new_id("rp-"))
        plan = RecoveryPlan(arn, call.input["name"], call.now, call.now, call.input.get("description"))
        plan.tags = dict(call.input.get("tags") or {})
        call.target.plans[arn] = plan
        remember_client_token(call, arn)
    return _plan_response(call, call.target.plan(arn))


@operation("GetRecoveryPlan")
def get_recovery_plan(call: Call) -> dict[str, Any]:
    return _plan_response(call, _find_plan(call))


@operation("ListRecoveryPlans")
def list_recovery_plans(call: Call) -> dict[str, Any]:
    plans = sorted(call.target.plans.values(), key=lambda plan: plan.arn)
    return paginate(
        call,
        plans,
        lambda plan: plan.arn,
        RecoveryPlan.summary,
        name="recoveryPlans",
    )


@operation("UpdateRecoveryPlan")
def update_recovery_plan(call: Call) -> dict[str, Any]:
    plan = _find_plan(call)
    if (name := call.input.get("name", plan.name)) != plan.name:
        _refuse_taken_name(call, name)
    plan.name, plan.updated_at = name, call.now
    plan.description = call.input.get("description", plan.description)
    return _plan_response(call, plan)


@operation("DeleteRecoveryPlan")
def delete_recovery_plan(call: Call) -> dict[str, Any]:
    """Raise Conflict during an execution. Records of earlier executions stay."""
    plan = _find_plan(call)
    refuse_if_executing(call, plan)
    del call.target.plans[plan.arn]
    return {"recoveryPlanArn": plan.arn}


@operation("CreateRecoveryPlanStep")
def create_recovery_plan_step(call: Call) -> dict[str, Any]:
    """Insert the step at `stepOrder`, or append it."""
    plan = _find_plan(call)
    arn = find_by_client_token(call)
    if arn is None:
        if len(plan.steps) >= MAX_STEPS:
            raise QuotaExceeded(f"A recovery plan can have {MAX_STEPS} steps", serviceCode="drs")
        order = call.input.get("stepOrder", len(plan.steps) + 1)
        if order > len(plan.steps) + 1:
            raise Invalid(f"stepOrder: {order} leaves a gap", fields=[("stepOrder", "leaves a gap")])
        check_configuration(call, call.input["configuration"], plan.server_arns)
        arn = f"{plan.arn}/step/{new_id('rps-')}"
        step = PlanStep(arn, call.input["stepName"], call.input["configuration"], call.now, call.now)
        steps = [*plan.steps[: order - 1], step, *plan.steps[order - 1 :]]
        if not steps[0].servers:
            raise Invalid("A WAIT step cannot be the first", fields=[("stepOrder", "would make a WAIT step the first")])
        plan.steps = steps
        plan.updated_at = call.now
        remember_client_token(call, arn)
    return {"recoveryPlanStep": _step_to_api(*_find_step(call, arn))}


@operation("GetRecoveryPlanStep")
def get_recovery_plan_step(call: Call) -> dict[str, Any]:
    return {"recoveryPlanStep": _step_to_api(*_find_step(call, call.input["recoveryPlanStepArn"]))}


@operation("ListRecoveryPlanSteps")
def list_recovery_plan_steps(call: Call) -> dict[str, Any]:
    plan = _find_plan(call)
    return paginate(
        call,
        enumerate(plan.steps, 1),
        lambda entry: f"{entry[0]:03}",
        lambda entry: entry[1].to_api(entry[0]),
        name="recoveryPlanSteps",
    )


@operation("UpdateRecoveryPlanStep")
def update_recovery_plan_step(call: Call) -> dict[str, Any]:
    """Raise Invalid if the configuration has another type."""
    plan, step = _find_step(call, call.input["recoveryPlanStepArn"])
    configuration = call.input.get("configuration", step.configuration)
    if configuration.keys() != step.configuration.keys():
        raise Invalid("configuration: the type of a step cannot change", fields=[("configuration", "has another type")])
    others = [server["serverArn"] for other in plan.steps if other is not step for server in other.servers]
    check_configuration(call, configuration, others)
    step.name, step.configuration = call.input.get("stepName", step.name), configuration
    step.updated_at = plan.updated_at = call.now
    return {"recoveryPlanStep": _step_to_api(plan, step)}


@operation("DeleteRecoveryPlanStep")
def delete_recovery_plan_step(call: Call) -> dict[str, Any]:
    plan, step = _find_step(call, call.input["recoveryPlanStepArn"])
    steps = [other for other in plan.steps if other is not step]
    refuse_wait_first(steps)
    plan.steps = steps
    plan.updated_at = call.now
    return {"recoveryPlanStepArn": step.arn}


@operation("ReorderRecoveryPlanSteps")
def reorder_recovery_plan_steps(call: Call) -> dict[str, Any]:
    plan = _find_plan(call)
    order: list[str] = call.input["orderedStepArns"]
    by_arn = {step.arn: step for step in plan.steps}
    if sorted(order) != sorted(by_arn):
        raise Invalid(
            "orderedStepArns: must contain every step once",
            fields=[("orderedStepArns", "must contain every step once")],
        )
    steps = [by_arn[arn] for arn in order]
    refuse_wait_first(steps)
    plan.steps = steps
    plan.updated_at = call.now
    return {"recoveryPlanSteps": [step.to_api(order) for order, step in enumerate(plan.steps, 1)]}


def check_configuration(call: Call, configuration: dict[str, Any], others: list[str]) -> None:
    """`others` are the servers of the plan's other steps. Raise Invalid, QuotaExceeded, ResourceNotFound."""
    if len(configuration.keys() & {SERVER_STEP, WAIT_STEP}) != 1:
        raise Invalid(
            "configuration: must have exactly one member", fields=[("configuration", "must have exactly one member")]
        )
    servers = configuration.get(SERVER_STEP, {}).get("servers", [])
    check_servers(call, [server["serverArn"] for server in servers], others)


def check_servers(call: Call, arns: list[str], others: list[str]) -> None:
    """Like `check_configuration`, for the servers alone."""
    if len(set(arns + others)) != len(arns) + len(others):
        raise Invalid(
            "servers: a plan can contain a server once", fields=[("servers", "contains a server of the plan")]
        )
    if len(arns) + len(others) > MAX_SERVERS:
        raise QuotaExceeded(f"A recovery plan can have {MAX_SERVERS} servers", serviceCode="drs")
    for arn in arns:
        if not _exists(call, arn):
            raise ResourceNotFound(f"There is no source server {arn}", resourceId=arn, resourceType="SourceServer")


def refuse_wait_first(steps: list[PlanStep]) -> None:
    """Raise Invalid if the first step is a WAIT step, unless no server step is left."""
    if steps and not steps[0].servers and any(step.servers for step in steps):
        raise Invalid("A WAIT step cannot be the first", fields=[("stepOrder", "would make a WAIT step the first")])


def refuse_if_executing(call: Call, plan: RecoveryPlan) -> None:
    """Raise Conflict while an execution is in progress."""
    for execution in call.target.executions.values():
        if execution.plan_arn == plan.arn and execution.is_open:
            raise Conflict(f"{execution.arn} is {execution.status}", resourceId=plan.arn, resourceType="RecoveryPlan")


def find_by_client_token(call: Call) -> str | None:
    """Return the ARN that the same call created before. Raise Conflict if the token belongs to another call."""
    token = call.input.get("clientToken")
    fingerprint, arn = call.target.tokens.get(f"{call.operation} {token}", ("", None)) if token else ("", None)
    if arn is not None and fingerprint != _fingerprint(call):
        raise Conflict("The client token was used for another call", resourceId=arn, resourceType="ClientToken")
    return arn


def remember_client_token(call: Call, arn: str) -> None:
    if token := call.input.get("clientToken"):
        call.target.tokens[f"{call.operation} {token}"] = (_fingerprint(call), arn)


def _fingerprint(call: Call) -> str:
    return digest(json.dumps(input_without(call), sort_keys=True))


def _exists(call: Call, server_arn: str) -> bool:
    server_id = server_arn.rpartition("/")[2]
    return server_id in call.target.servers and call.target.servers[server_id].arn == server_arn


def _find_plan(call: Call) -> RecoveryPlan:
    return call.target.plan(call.input["recoveryPlanArn"])


def _find_step(call: Call, arn: str) -> tuple[RecoveryPlan, PlanStep]:
    plan = call.target.plans.get(arn.rpartition("/step/")[0])
    for step in plan.steps if plan else ():
        if plan and step.arn == arn:
            return plan, step
    raise ResourceNotFound(f"There is no step {arn}", resourceId=arn, resourceType="RecoveryPlanStep")


def _refuse_taken_name(call: Call, name: str) -> None:
    if any(plan.name == name for plan in call.target.plans.values()):
        raise Conflict(f"There is already a plan named {name}", resourceId=name, resourceType="RecoveryPlan")


def _plan_response(call: Call, plan: RecoveryPlan) -> dict[str, Any]:
    return {"recoveryPlan": plan.to_api()}


def _step_to_api(plan: RecoveryPlan, step: PlanStep) -> dict[str, Any]:
    return step.to_api(plan.steps.index(step) + 1)
