"""EventBridge Scheduler: one-time schedules that start a state machine."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from recovery.aws import clients

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient


@lru_cache(maxsize=1)
def client() -> "EventBridgeSchedulerClient":
    """One client per process."""
    created: EventBridgeSchedulerClient = clients.create_client("scheduler")
    return created


def create_once(
    group: str, name: str, at: str, description: str, machine_arn: str, role_arn: str, payload: Mapping[str, Any]
) -> None:
    """Create a schedule that starts the machine at this time (`2026-11-22T08:15:30`, UTC), unless the name is taken.

    Raise AwsUnavailable, ClientError.
    """
    with clients.translate_transient_errors("CreateSchedule"):
        try:
            client().create_schedule(
                Name=name,
                GroupName=group,
                ScheduleExpression=f"at({at})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Description=description,
                Target={"Arn": machine_arn, "RoleArn": role_arn, "Input": json.dumps(payload)},
            )
        except client().exceptions.ConflictException:
            return
