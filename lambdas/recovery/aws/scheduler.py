"""The client of EventBridge Scheduler, which starts clean-ups of drills at a later time."""

from functools import lru_cache
from typing import TYPE_CHECKING

from recovery.aws import clients

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient


@lru_cache(maxsize=1)
def client() -> "EventBridgeSchedulerClient":
    created: EventBridgeSchedulerClient = clients.create_client("scheduler")
    return created
