"""Starts the readiness runs of plans that are due. It imports little, and can start no run that launches anything."""

import secrets
import time

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from recovery import clock
from recovery.aws import step_functions
from recovery.catalog import plans, standing
from recovery.catalog.groups import find_groups
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run
from recovery.domain.standing.slots import StandingPlan
from recovery.errors import DrsWavesError, ExecutionNotFound
from recovery.identities import SCHEDULE
from recovery.store import executions

logger = Logger(child=True)

# Runs that one look starts. It looks every five minutes, so 200 plans that are due at once begin within 100 minutes.
MAX_STARTS = 10

# A run of the schedule that has not ended after so long is broken, and no longer holds up the next one.
MAX_OPEN_SECONDS = 24 * 3_600


def start_due() -> int:
    """Start the readiness runs of plans that are due, at most MAX_STARTS, the longest due first; return how many.

    A plan that runs waits for the end of its run. Errors are logged only: the next look is in five minutes.
    """
    try:
        listed = standing.list_standing()
    except DrsWavesError as error:
        logger.warning("standing plans not listed", extra={"reason": error.message})
        return 0
    except Exception:  # a row that cannot be read must not keep the sync of the cache from its work
        logger.exception("standing plans not listed")
        return 0
    started = 0
    for plan in sorted(listed, key=lambda each: each.slot or 0):
        if started == MAX_STARTS:
            break
        started += _start_safely(plan)
    return started


def _start_safely(plan: StandingPlan) -> bool:
    """Whether a run of the plan was started."""
    try:
        return _start(plan)
    except (DrsWavesError, ClientError) as error:
        logger.warning("readiness not started", extra={"planId": plan.plan_id, "reason": str(error)})
    except Exception:  # a plan that cannot be read must not keep the schedule from the others
        logger.exception("readiness not started", extra={"planId": plan.plan_id})
    return False


def _start(plan: StandingPlan) -> bool:
    """Take the slot that is due, and start its run under an id that the plan keeps.

    A look that was killed in between leaves a slot whose run has not begun. The next look starts it under the same id,
    so a slot has one run, however often it is looked at.
    """
    if plan.is_running:
        return False
    slot, execution_id = plan.find_due_slot(clock.now()), _new_id()
    if slot is not None:
        if _is_open(plan.execution_id) or not standing.take_slot(plan, slot, execution_id):
            return False
    elif plan.has_begun or plan.slot is None or plan.execution_id is None:
        return False
    else:
        slot, execution_id = plan.slot, plan.execution_id
    try:
        _create_and_start(plan.plan_id, execution_id)
    except ClientError:  # the run has ended before it began, so the slot is spent
        standing.record_begun(plan.plan_id, slot, execution_id)
        raise
    standing.record_begun(plan.plan_id, slot, execution_id)
    logger.info("readiness started", extra={"planId": plan.plan_id, "executionId": execution_id})
    return True


def _is_open(execution_id: str | None) -> bool:
    """Whether the run of the slot before goes on, so that a slow run of a short schedule is not joined by the next."""
    if execution_id is None:
        return False
    try:
        run = executions.get_run(execution_id)
    except ExecutionNotFound:  # it never began
        return False
    return not run.status.is_final and clock.now() - clock.parse_iso(run.requested_at) < MAX_OPEN_SECONDS


def _new_id() -> str:
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.now()))
    return f"{Mode.READINESS.value.lower()}-{moment}-{secrets.token_hex(3)}"


def _create_and_start(plan_id: str, execution_id: str) -> None:
    """Write the record and start the machine, each once under this id.

    Raise PlanNotFound, AwsUnavailable, ClientError when Step Functions refuses the start, which ends the run.
    """
    plan = plans.get_plan(plan_id)
    run = Run(
        execution_id=execution_id,
        plan_id=plan.plan_id,
        plan_name=plan.name,
        mode=Mode.READINESS,
        status=ExecutionStatus.PENDING,
        requested_at=clock.iso(),
        requested_by=SCHEDULE,
        four_eyes=plan.four_eyes,
        comments_required=plan.comments_required,
    )
    executions.create_execution(Execution(run, plan), find_groups(plan.group_ids).values())
    try:
        step_functions.start_once(step_functions.recover_plan_arn(), execution_id, {"executionId": execution_id})
    except ClientError as error:
        executions.record_failed_start(run, f"the state machine could not be started: {error}")
        raise
