"""Access to the internals of moto that the patches and the engine share.

The Step Functions interpreter, `moto.stepfunctions.parser`, is ported from LocalStack and has no types, hence `Any`.
"""

import datetime
import functools
import importlib
import json
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import boto3
from moto.core.models import DEFAULT_ACCOUNT_ID


def parser_module(path: str) -> Any:
    """A module of the interpreter."""
    return importlib.import_module("moto.stepfunctions.parser." + path)


def replace_everywhere(name: str, old: Any, new: Any) -> None:
    """Replace `old` in every module of moto that has imported it by `name`."""
    for module in list(sys.modules.values()):
        if module.__name__.startswith("moto.") and module.__dict__.get(name) is old:
            setattr(module, name, new)


def as_json(value: Any) -> Any:
    return json.loads(parser_module("asl.utils.encoding").to_json_str(value))


def states_error(name: str) -> Any:
    return parser_module("asl.component.common.error_name.states_error_name").StatesErrorName.from_name(name)


clients: dict[tuple[str, str, str], Any] = {}
"""Clients that tasks of the interpreter use, by service, Region and account."""
clients_lock = threading.RLock()


def forget_clients() -> None:
    """Drop the clients of other accounts: their credentials are valid only in the `mock_aws` that issued them."""
    with clients_lock:
        for key in [key for key in clients if key[2] != DEFAULT_ACCOUNT_ID]:
            del clients[key]


@functools.cache
def default_session() -> Any:
    """A session with keys that moto does not know, so that they belong to its default account in every `mock_aws`."""
    return boto3.session.Session("ak", "sk")


@functools.cache
def client(service: str, region: str) -> Any:
    """A client of moto's default account, for tests. It stays usable in the next `mock_aws`."""
    with clients_lock:
        return default_session().client(service, region_name=region)


def find_execution(arn: str) -> Any:
    """moto's execution with this ARN."""
    _, _, _, region, account, *_ = arn.split(":")
    return parser_module("models").stepfunctions_parser_backends[account][region].describe_execution(arn)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def executions() -> Iterator[Any]:
    """moto's executions in every account and Region."""
    for regions in parser_module("models").stepfunctions_parser_backends.values():
        for backend in list(regions.values()):
            yield from backend._get_executions()


def states_entered(history: list[dict[str, Any]]) -> list[str]:
    """The names of the states a history entered, in order."""
    return [event["stateEnteredEventDetails"]["name"] for event in history if event["type"].endswith("StateEntered")]


class Threads:
    """Threads that the interpreter has started, held weakly."""

    def __init__(self) -> None:
        self._alive: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._lock = threading.Lock()

    def append(self, thread: threading.Thread) -> None:
        with self._lock:
            self._alive.add(thread)

    def alive(self) -> list[threading.Thread]:
        with self._lock:
            return [thread for thread in self._alive if thread.is_alive()]


threads = Threads()


def join_threads(seconds: float) -> list[threading.Thread]:
    """Wait for the interpreter's threads to end; return those that are still alive after `seconds`."""
    end = time.monotonic() + seconds
    while (left := threads.alive()) and time.monotonic() < end:
        threading.Thread.join(left[0], max(0.0, min(0.2, end - time.monotonic())))
    return left


class RowWrites:
    """How many requests have written rows to DynamoDB, and a way to wait for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def add(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_for_more_than(self, count: int, seconds: float) -> None:
        """Return when there were more than `count` writes, at the latest after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self.count > count, seconds)


row_writes = RowWrites()

dynamodb_lock = threading.Lock()
"""Held while moto answers a request to DynamoDB."""
