"""Begins the drill of an appointment, and the readiness run before it, each once under an id that follows from it.

It imports little. It can start no recovery: the ids that it writes are those of drills and readiness runs, and its
role lets it write no others.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from recovery import clock
from recovery.aws import step_functions
from recovery.catalog import plans
from recovery.catalog.groups import find_groups
from recovery.domain.drills.policy import DEFAULT_CLEAN_UP_HOURS
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.errors import ExecutionNotFound, InvalidRequest, PlanAlreadyRunning
from recovery.identities import SCHEDULE
from recovery.store import executions, run_requests
from recovery.store.drills import evidence_rows

# A start takes a second. If Step Functions does not know the run after this long, its start was interrupted.
START_GRACE_SECONDS = 120


def find_run(execution_id: str) -> Run | None:
    """The run; None if it was never recorded."""
    try:
        return executions.get_run(execution_id)
    except ExecutionNotFound:
        return None


def is_of_plan(run: Run, plan: RecoveryPlan) -> bool:
    """Whether the run has had this version of the plan."""
    return run_requests.get_plan(run.execution_id).version == plan.version


def has_begun(run: Run) -> bool:
    """Whether its state machine has been started. Raise AwsUnavailable."""
    if run.started_at:
        return True
    return step_functions.get_status(step_functions.recover_plan_arn(), run.execution_id) is not None


def withdraw(run: Run, why: str) -> bool:
    """End a recorded run whose state machine was never started. False if it has ended, or has been started."""
    return executions.record_failed_start(run, why)


def start_check(plan: RecoveryPlan, execution_id: str, condition: dict[str, Any]) -> Run:
    """Start the readiness run of this id, if the condition (a part of a transaction) holds. Raise as `start_drill`."""
    is_same = plans.require_unchanged(plan)
    return _create_and_start(plan, execution_id, find_groups(plan.group_ids).values(), [condition, is_same])


def start_drill(plan: RecoveryPlan, execution_id: str, condition: dict[str, Any]) -> Run:
    """Start the drill of this id, if the condition (a part of a transaction) holds; return it as it is then.

    The plan must not have been changed since it was read: it may ask for no drill now. The run has failed if Step
    Functions has refused it. Raise InvalidRequest for deleted groups, PlanNotFound, AwsUnavailable, and
    PlanAlreadyRunning, which names no run if the plan has changed or the condition does not hold.
    """
    groups = find_groups(plan.group_ids)
    if gone := [group_id for group_id in plan.group_ids if group_id not in groups]:
        message = f"the plan references deleted protection groups: {', '.join(gone)}"
        raise InvalidRequest(message, [{"field": "planId", "message": message}])
    parts = [condition, evidence_rows.due_action(execution_id)]
    return _create_and_start(_with_clean_up(plan), execution_id, groups.values(), parts)


def _with_clean_up(plan: RecoveryPlan) -> RecoveryPlan:
    """The copy of the plan for a drill of the schedule, which cleans up without a person."""
    policy = plan.drill_policy
    hours = (policy.clean_up_after_hours if policy else None) or plan.clean_up_after_hours or DEFAULT_CLEAN_UP_HOURS
    return replace(plan, clean_up_after_hours=hours)


def _create_and_start(
    plan: RecoveryPlan, execution_id: str, groups: Iterable[ProtectionGroup], parts: list[dict[str, Any]]
) -> Run:
    run = Run(
        execution_id=execution_id,
        plan_id=plan.plan_id,
        plan_name=plan.name,
        mode=Mode.of_run(execution_id),
        status=ExecutionStatus.PENDING,
        requested_at=clock.iso(),
        requested_by=SCHEDULE,
        four_eyes=plan.four_eyes,
        comments_required=plan.comments_required,
    )
    if not executions.create_execution(Execution(run, plan), groups, parts, as_read=True):
        run = executions.get_run(execution_id)
    return start_machine(run)


def start_machine(run: Run) -> Run:
    """Start the state machine of a recorded run that has not ended, once; return the run, failed if it was refused."""
    if run.status.is_final:
        return run
    try:
        step_functions.start_once(
            step_functions.recover_plan_arn(), run.execution_id, {"executionId": run.execution_id}
        )
    except ClientError as error:
        executions.record_failed_start(run, f"the state machine could not be started: {error}")
        return executions.get_run(run.execution_id)
    return run


def free_plan(plan: RecoveryPlan) -> str | None:
    """The run that has the plan's lock; None if it is free, or was held by a run that is over or never began."""
    holder = plan.active_execution_id
    if holder is None:
        return None
    run = find_run(holder)
    if run is None or run.status.is_final:
        executions.release_plan(plan.plan_id, holder)
        return None
    is_old = clock.now() - clock.parse_iso(run.requested_at) > START_GRACE_SECONDS
    if is_old and not has_begun(run) and withdraw(run, "the start was interrupted before the state machine ran"):
        return None
    return holder


def describe_busy(error: PlanAlreadyRunning) -> str | None:
    """Why the plan cannot be drilled now; None if the schedule or the plan was changed at this moment."""
    holder = error.facts.get("executionId")
    return f"the plan runs as {holder}" if holder else None
