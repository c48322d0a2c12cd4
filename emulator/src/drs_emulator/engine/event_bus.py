"""Publishes launch results on the engine's event bus, as DRS does on EventBridge, on a best-effort basis.

Nothing waits for an event, and an event that cannot be published is dropped. The engine must accept events with the
source aws.drs from callers; AWS itself and an unmodified MiniStack reject them.
"""

import json
import logging
import threading
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from drs_emulator.engine.access_keys import ENGINE_CONFIG
from drs_emulator.target_key import TargetKey

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient

log = logging.getLogger(__name__)

MAX_EVENTS_PER_CALL = 10  # the limit of PutEvents


@dataclass(frozen=True, slots=True)
class LaunchResult:
    target: TargetKey
    server_arn: str
    job_id: str
    is_drill: bool
    succeeded: bool
    at: float

    def to_entry(self) -> Any:
        state = "RECOVERY_LAUNCH_SUCCEEDED" if self.succeeded else "RECOVERY_LAUNCH_FAILED"
        return {
            "Time": datetime.fromtimestamp(self.at, UTC),
            "Source": "aws.drs",
            "DetailType": "DRS Source Server Launch Result",
            "Resources": [self.server_arn],
            "Detail": json.dumps({"state": state, "job-id": self.job_id, "is-drill": str(self.is_drill).upper()}),
        }


class EventBus(Protocol):
    def publish(self, result: LaunchResult) -> None: ...

    def close(self) -> None: ...


class NullEventBus:
    def publish(self, result: LaunchResult) -> None:
        pass

    def close(self) -> None:
        pass


class EngineEventBus:
    """Queues results per target. One worker publishes up to ten of them per call."""

    def __init__(self, engine_url: str, token: str | None = None) -> None:
        self._url, self._token = engine_url, token
        self._queues: defaultdict[TargetKey, deque[LaunchResult]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._clients: dict[TargetKey, EventBridgeClient] = {}  # used only by the worker
        self._logged_reasons: set[str] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="events")

    def publish(self, result: LaunchResult) -> None:
        with self._lock:
            self._queues[result.target].append(result)
        self._pool.submit(self._publish_queued, result.target)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _publish_queued(self, target: TargetKey) -> None:
        with self._lock:
            queue = self._queues[target]
            results = [queue.popleft() for _ in range(min(len(queue), MAX_EVENTS_PER_CALL))]
        if not results:
            return
        try:
            response = self._client(target).put_events(Entries=[result.to_entry() for result in results])
        except (ClientError, BotoCoreError) as error:
            self._warn_once(str(error))
        else:
            for code in sorted({entry["ErrorCode"] for entry in response["Entries"] if "ErrorCode" in entry}):
                self._warn_once(code)

    def _warn_once(self, reason: str) -> None:
        """Log each reason once, because an engine without events rejects every one of them."""
        if reason not in self._logged_reasons:
            self._logged_reasons.add(reason)
            log.warning("The engine at %s rejects events, which are lost: %s", self._url, reason)

    def _client(self, target: TargetKey) -> "EventBridgeClient":
        if target not in self._clients:
            self._clients[target] = boto3.Session().client(
                "events",
                endpoint_url=self._url,
                region_name=target.region,
                aws_access_key_id=target.account,  # the engine, too, accepts an account as its key
                aws_secret_access_key="test",  # noqa: S106 (the engine accepts any)
                aws_session_token=self._token,
                config=ENGINE_CONFIG,
            )
        return self._clients[target]
