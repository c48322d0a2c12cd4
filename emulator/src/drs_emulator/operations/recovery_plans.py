"""Recovery plans and their steps."""

import json
from typing import Any

from drs_emulator.errors import Conflict, Invalid, QuotaExceeded, ResourceNotFound
from drs_emulator.ids import digest, new_id
from drs_emulator.operations.launch_settings import given
from drs_emulator.operations.pagination import page
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.recovery_plan import SERVERS, WAIT, PlanStep, RecoveryPlan

MOST_STEPS = 20  # of a plan
MOST_SERVERS = 100  # of a plan


@operation("CreateRecoveryPlan")
def create_recovery_plan(call: Call) -> dict[str, Any]:
    """Names are unique: an assumption."""
    arn = made_before(call)
    if arn is None:
        _refuse_name(call, call.input["name"])
        arn = call.target.key.arn("recovery-plan", new_id("rp-"))
        plan = RecoveryPlan(arn, call.input["name"], call.now, call.now, call.input.get("description"))
        plan.tags = dict(call.input.get("tags") or {})
        call.target.plans[arn] = plan
        remember(call, arn)
    return _shown(call, call.target.plan(arn))


@operation("GetRecoveryPlan")
def get_recovery_plan(call: Call) -> dict[str, Any]:
    return _shown(call, _plan(call))


@operation("ListRecoveryPlans")
def list_recovery_plans(call: Call) -> dict[str, Any]:
    plans = sorted(call.target.plans.values(), key=lambda plan: plan.arn)
    return page(
        call,
        plans,
        lambda plan: plan.arn,
        lambda plan: plan.summary(valid=is_valid(call, plan)),
        name="recoveryPlans",
    )


@operation("UpdateRecoveryPlan")
def update_recovery_plan(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    if (name := call.input.get("name", plan.name)) != plan.name:
        _refuse_name(call, name)
    plan.name, plan.updated_at = name, call.now
    plan.description = call.input.get("description", plan.description)
    return _shown(call, plan)


@operation("DeleteRecoveryPlan")
def delete_recovery_plan(call: Call) -> dict[str, Any]:
    """Not while it is executed; the records of earlier executions stay."""
    plan = _plan(call)
    refuse_executed(call, plan)
    del call.target.plans[plan.arn]
    return {"recoveryPlanArn": plan.arn}


@operation("CreateRecoveryPlanStep")
def create_recovery_plan_step(call: Call) -> dict[str, Any]:
    """At the end unless a place is given; those behind it move on."""
    plan = _plan(call)
    arn = made_before(call)
    if arn is None:
        if len(plan.steps) >= MOST_STEPS:
            raise QuotaExceeded(f"A recovery plan can have {MOST_STEPS} steps", serviceCode="drs")
        order = call.input.get("stepOrder", len(plan.steps) + 1)
        if order > len(plan.steps) + 1:
            raise Invalid(f"stepOrder: {order} leaves a gap", fields=[("stepOrder", "leaves a gap")])
        check_configuration(call, call.input["configuration"], plan.server_arns)
        arn = f"{plan.arn}/step/{new_id('rps-')}"
        made = PlanStep(arn, call.input["stepName"], call.input["configuration"], call.now, call.now)
        plan.steps.insert(order - 1, made)
        plan.updated_at = call.now
        remember(call, arn)
    return {"recoveryPlanStep": _step_shown(*_find_step(call, arn))}


@operation("GetRecoveryPlanStep")
def get_recovery_plan_step(call: Call) -> dict[str, Any]:
    return {"recoveryPlanStep": _step_shown(*_find_step(call, call.input["recoveryPlanStepArn"]))}


@operation("ListRecoveryPlanSteps")
def list_recovery_plan_steps(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    return page(
        call,
        enumerate(plan.steps, 1),
        lambda entry: f"{entry[0]:03}",
        lambda entry: entry[1].to_api(entry[0]),
        name="recoveryPlanSteps",
    )


@operation("UpdateRecoveryPlanStep")
def update_recovery_plan_step(call: Call) -> dict[str, Any]:
    """Its type stays."""
    plan, step = _find_step(call, call.input["recoveryPlanStepArn"])
    configuration = call.input.get("configuration", step.configuration)
    if configuration.keys() != step.configuration.keys():
        raise Invalid("configuration: the type of a step stays", fields=[("configuration", "is of another type")])
    others = [server["serverArn"] for each in plan.steps if each is not step for server in each.servers]
    check_configuration(call, configuration, others)
    step.name, step.configuration = call.input.get("stepName", step.name), configuration
    step.updated_at = plan.updated_at = call.now
    return {"recoveryPlanStep": _step_shown(plan, step)}


@operation("DeleteRecoveryPlanStep")
def delete_recovery_plan_step(call: Call) -> dict[str, Any]:
    plan, step = _find_step(call, call.input["recoveryPlanStepArn"])
    plan.steps.remove(step)
    plan.updated_at = call.now
    return {"recoveryPlanStepArn": step.arn}


@operation("ReorderRecoveryPlanSteps")
def reorder_recovery_plan_steps(call: Call) -> dict[str, Any]:
    plan = _plan(call)
    order: list[str] = call.input["orderedStepArns"]
    by_arn = {step.arn: step for step in plan.steps}
    if sorted(order) != sorted(by_arn):
        raise Invalid("orderedStepArns: must hold every step once", fields=[("orderedStepArns", "is not all steps")])
    plan.steps = [by_arn[arn] for arn in order]
    plan.updated_at = call.now
    return {"recoveryPlanSteps": [step.to_api(order) for order, step in enumerate(plan.steps, 1)]}


def check_configuration(call: Call, configuration: dict[str, Any], others: list[str]) -> None:
    """`others` are the servers of the plan's other steps. Raises Invalid, QuotaExceeded, ResourceNotFound."""
    if len(configuration.keys() & {SERVERS, WAIT}) != 1:
        raise Invalid("configuration: must have exactly one member", fields=[("configuration", "is no union")])
    check_servers(call, [each["serverArn"] for each in configuration.get(SERVERS, {}).get("servers", [])], others)


def check_servers(call: Call, arns: list[str], others: list[str]) -> None:
    """As `check_configuration`."""
    if len(set(arns + others)) != len(arns) + len(others):
        raise Invalid("servers: a server can be once in a plan", fields=[("servers", "holds one that is there")])
    if len(arns) + len(others) > MOST_SERVERS:
        raise QuotaExceeded(f"A recovery plan can have {MOST_SERVERS} servers", serviceCode="drs")
    for arn in arns:
        if not _is_there(call, arn):
            raise ResourceNotFound(f"There is no {arn} here", resourceId=arn, resourceType="SourceServer")


def is_valid(call: Call, plan: RecoveryPlan) -> bool:
    """INVALID is a plan whose servers are not all there any more: an assumption."""
    return all(_is_there(call, arn) for arn in plan.server_arns)


def refuse_executed(call: Call, plan: RecoveryPlan) -> None:
    """Raises Conflict while an execution is not over."""
    for execution in call.target.executions.values():
        if execution.plan_arn == plan.arn and execution.open:
            raise Conflict(f"{execution.arn} is {execution.status}", resourceId=plan.arn, resourceType="RecoveryPlan")


def made_before(call: Call) -> str | None:
    """What the same call with the same client token has made. Raises Conflict for another call with it."""
    token = call.input.get("clientToken")
    question, arn = call.target.tokens.get(f"{call.operation} {token}", ("", None)) if token else ("", None)
    if arn is not None and question != _question(call):
        raise Conflict("The client token was used for another call", resourceId=arn, resourceType="ClientToken")
    return arn


def remember(call: Call, arn: str) -> None:
    if token := call.input.get("clientToken"):
        call.target.tokens[f"{call.operation} {token}"] = (_question(call), arn)


def _question(call: Call) -> str:
    return digest(json.dumps(given(call), sort_keys=True))


def _is_there(call: Call, server_arn: str) -> bool:
    server_id = server_arn.rpartition("/")[2]
    return server_id in call.target.servers and call.target.servers[server_id].arn == server_arn


def _plan(call: Call) -> RecoveryPlan:
    return call.target.plan(call.input["recoveryPlanArn"])


def _find_step(call: Call, arn: str) -> tuple[RecoveryPlan, PlanStep]:
    plan = call.target.plans.get(arn.rpartition("/step/")[0])
    for step in plan.steps if plan else ():
        if plan and step.arn == arn:
            return plan, step
    raise ResourceNotFound(f"There is no step {arn}", resourceId=arn, resourceType="RecoveryPlanStep")


def _refuse_name(call: Call, name: str) -> None:
    if any(plan.name == name for plan in call.target.plans.values()):
        raise Conflict(f"There is a plan {name} already", resourceId=name, resourceType="RecoveryPlan")


def _shown(call: Call, plan: RecoveryPlan) -> dict[str, Any]:
    return {"recoveryPlan": plan.to_api(valid=is_valid(call, plan))}


def _step_shown(plan: RecoveryPlan, step: PlanStep) -> dict[str, Any]:
    return step.to_api(plan.steps.index(step) + 1)
