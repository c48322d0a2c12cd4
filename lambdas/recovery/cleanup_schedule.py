"""Drills that are cleaned up by themselves: a one-time schedule of EventBridge for each, made when it ends."""

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from recovery import aws, cleanup, clock, messages, notify
from recovery.execution import Execution, Mode
from recovery.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

logger = Logger(child=True)


@lru_cache(maxsize=1)
def _scheduler() -> "EventBridgeSchedulerClient":
    made: EventBridgeSchedulerClient = aws.client("scheduler")
    return made


def schedule(execution: Execution) -> str | None:
    """Have the drill cleaned up by itself as long after now as its plan says; None when the plan says nothing.

    Return when, as ISO 8601. Said again it changes nothing: the schedule is named after the execution.
    """
    hours = execution.plan.clean_up_after_hours
    if execution.run.mode is not Mode.DRILL or hours is None:
        return None
    due = clock.now() + hours * 3_600
    at = clock.iso(clock.wall(due))[:19]
    with aws.unavailable("CreateSchedule"):
        try:
            _scheduler().create_schedule(
                Name=execution.execution_id,
                GroupName=_needed(settings().cleanup_schedule_group, "CLEANUP_SCHEDULE_GROUP"),
                ScheduleExpression=f"at({at})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Description="Cleans up after a drill; made when it ended, and deleted once it has run.",
                Target={
                    "Arn": cleanup.machine_arn(),
                    "RoleArn": _needed(settings().cleanup_schedule_role_arn, "CLEANUP_SCHEDULE_ROLE_ARN"),
                    "Input": json.dumps({"executionId": execution.execution_id}),
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
    return clock.iso(due)


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise KeyError(name)
    return value


def schedule_or_tell(execution: Execution) -> None:
    """`schedule`; people are told when it fails, for then nothing will clean up. The drill has ended all the same."""
    try:
        due = schedule(execution)
    except Exception as error:  # a drill must not fail for what comes after it
        logger.exception("clean-up not scheduled", extra={"executionId": execution.execution_id})
        tell_not_scheduled(execution, f"{type(error).__name__}: {error}")
    else:
        if due:
            logger.info("clean-up scheduled", extra={"executionId": execution.execution_id, "due": due})


def tell_not_scheduled(execution: Execution, why: str) -> None:
    """Say that nothing will clean up after this drill; nothing for a run that was not to be cleaned up."""
    if execution.run.mode is not Mode.DRILL or execution.plan.clean_up_after_hours is None:
        return
    notify.send(
        "CLEANUP_NOT_SCHEDULED",
        f"drs-waves: the clean-up of {execution.execution_id} is not scheduled",
        notify.paragraphs(
            {
                "Execution": execution.execution_id,
                "Why": why,
                "What to do": f"{messages.COMMAND} cleanup {execution.execution_id}, when the drill is done with.",
            }
        ),
        executionId=execution.execution_id,
    )
