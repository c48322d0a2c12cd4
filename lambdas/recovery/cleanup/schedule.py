"""Schedules the automatic clean-up of a drill: a one-time EventBridge schedule, created when the drill ends."""

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import scheduler, step_functions
from recovery.domain.execution import Execution, Mode
from recovery.observability import operator_messages
from recovery.settings import settings

logger = Logger(child=True)


def schedule_cleanup(execution: Execution) -> str | None:
    """Schedule the clean-up of a drill, if its plan has `clean_up_after_hours`; return its time as ISO 8601, or None.

    A repeated call changes nothing, because the schedule is named after the execution.
    """
    hours = execution.plan.clean_up_after_hours
    if execution.run.mode is not Mode.DRILL or hours is None:
        return None
    due = clock.now() + hours * 3_600
    scheduler.create_once(
        group=_require_setting(settings().cleanup_schedule_group, "CLEANUP_SCHEDULE_GROUP"),
        name=execution.execution_id,
        at=clock.iso(clock.wall(due))[:19],
        description="Cleans up after a drill. Created when the drill ended, and deleted once it has run.",
        machine_arn=step_functions.clean_up_drill_arn(),
        role_arn=_require_setting(settings().cleanup_schedule_role_arn, "CLEANUP_SCHEDULE_ROLE_ARN"),
        payload={"executionId": execution.execution_id},
    )
    return clock.iso(due)


def _require_setting(value: str | None, name: str) -> str:
    if not value:
        raise KeyError(name)
    return value


def schedule_or_notify(execution: Execution) -> None:
    """Schedule the clean-up of a drill, and notify operators if that fails, because then nothing will clean up."""
    try:
        due = schedule_cleanup(execution)
    except Exception as error:  # the drill has ended, and its clean-up must not make it fail
        logger.exception("clean-up not scheduled", extra={"executionId": execution.execution_id})
        operator_messages.send_cleanup_not_scheduled(execution, f"{type(error).__name__}: {error}")
    else:
        if due:
            logger.info("clean-up scheduled", extra={"executionId": execution.execution_id, "due": due})
