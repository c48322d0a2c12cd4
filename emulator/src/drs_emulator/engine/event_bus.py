"""Launch results on the event bus of the engine, as EventBridge would get them from the service: best effort.

Nothing waits for an event, and one that cannot be put is forgotten. The engine must let callers put events of the
source aws.drs, which AWS itself and a plain MiniStack refuse.
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

PUT_AT_ONCE = 10  # what PutEvents takes


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
            "Detail": json.dumps({"state": state, "job-id": self.job_id, "is-drill": str(self.is_drill).lower()}),
        }


class Bus(Protocol):
    def announce(self, result: LaunchResult) -> None: ...

    def close(self) -> None: ...


class NoBus:
    def announce(self, result: LaunchResult) -> None:
        pass

    def close(self) -> None:
        pass


class EngineBus:
    """One worker; results wait in a queue per target, and up to ten leave in one call."""

    def __init__(self, engine_url: str) -> None:
        self._url = engine_url
        self._waiting: defaultdict[TargetKey, deque[LaunchResult]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._clients: dict[TargetKey, EventBridgeClient] = {}  # the worker's own
        self._complaints: set[str] = set()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="events")

    def announce(self, result: LaunchResult) -> None:
        with self._lock:
            self._waiting[result.target].append(result)
        self._pool.submit(self._put_waiting, result.target)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _put_waiting(self, target: TargetKey) -> None:
        with self._lock:
            waiting = self._waiting[target]
            results = [waiting.popleft() for _ in range(min(len(waiting), PUT_AT_ONCE))]
        if not results:
            return
        try:
            answer = self._client(target).put_events(Entries=[result.to_entry() for result in results])
        except (ClientError, BotoCoreError) as error:
            self._complain(str(error))
        else:
            for code in sorted({entry["ErrorCode"] for entry in answer["Entries"] if "ErrorCode" in entry}):
                self._complain(code)

    def _complain(self, reason: str) -> None:
        """Once of each reason: an engine that has no events has none for any server."""
        if reason not in self._complaints:
            self._complaints.add(reason)
            log.warning("Events are lost; the engine at %s says: %s", self._url, reason)

    def _client(self, target: TargetKey) -> "EventBridgeClient":
        if target not in self._clients:
            self._clients[target] = boto3.Session().client(
                "events",
                endpoint_url=self._url,
                region_name=target.region,
                aws_access_key_id=target.account,  # a 12-digit key is that account, at the engine too
                aws_secret_access_key="test",  # noqa: S106 (the engine takes any)
                config=ENGINE_CONFIG,
            )
        return self._clients[target]
