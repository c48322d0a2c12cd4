"""Limits of Step Functions that moto does not hold an execution to, and the book where breaches are written.

AWS would fail or refuse the execution; in a test that is easily overlooked, because a state machine with a good
`Catch` carries on. So each breach is also written down, and `Engine` fails the test for it.
Numbers: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import functools
import importlib
import json
import sys
import threading
from typing import Any

PAYLOAD_LIMIT = 262_144
"""Bytes of UTF-8 JSON that a state's input or output, a task's arguments or an execution's input may have."""
ANSWER_LIMIT = 6_291_456
"""Bytes of an invocation that no state machine makes, and of its answer (Lambda quotas). Those of the API are such."""
HISTORY_LIMIT = 25_000
"""Events of one execution; the one that would be number 25,000 is ExecutionFailed."""
DEFINITION_LIMIT = 1_048_576
"""Bytes of one state machine definition."""
NAME_LIMIT = 80
"""Characters in the name of a state, a state machine or an execution."""


class AwsRuleBroken(AssertionError):
    """The test did something that AWS would have refused, and moto let pass."""


class Book:
    """The breaches of one Engine, safe to write from any thread."""

    def __init__(self, history_limit: int = HISTORY_LIMIT) -> None:
        self.history_limit = history_limit
        self._lock = threading.Lock()
        self._broken: list[str] = []

    def write(self, breach: str) -> None:
        with self._lock:
            if breach not in self._broken:
                self._broken.append(breach)

    @property
    def broken(self) -> list[str]:
        with self._lock:
            return list(self._broken)


_book = Book()


def open_book(history_limit: int = HISTORY_LIMIT) -> Book:
    """Start a new book; breaches go there from now on."""
    global _book
    _book = Book(history_limit)
    return _book


def report(breach: str) -> None:
    """Write a breach into the open book."""
    _book.write(breach)


def size_of(value: Any) -> int:
    """Bytes of `value` as Step Functions counts them: compact UTF-8 JSON. A str is taken to be JSON already."""
    if isinstance(value, str):
        # moto escapes non-ASCII and puts blanks after commas, so its text is never shorter than the real one.
        if len(value) <= PAYLOAD_LIMIT:
            return len(value)
        try:
            value = json.loads(value)
        except ValueError:
            return len(value.encode())
    return len(
        json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
    )


@functools.cache
def install() -> None:
    """Hold every execution to the payload and history limits. Idempotent.

    Upstream checks only the output of states, counts blanks that AWS does not, and never ends a long history.
    """
    events: Any = importlib.import_module("moto.stepfunctions.parser.asl.eval.event.event_manager")
    importlib.import_module("moto.stepfunctions.parser.models")
    original_add = events.EventManager.add_event

    def add_event(self: Any, context: Any, event_type: Any, event_details: Any = None, **more: Any) -> int:
        event_id: int = original_add(self, context, event_type, event_details, **more)
        _check_payloads(self, event_type, event_details)
        if event_id == _book.history_limit - 1:
            _end_for_length(self)
        return event_id

    events.EventManager.add_event = add_event

    def is_within_size_quota(value: Any) -> bool:
        # A str here is a value, not its JSON: it needs its quotes and escapes.
        return size_of([value]) - 2 <= PAYLOAD_LIMIT

    modules: list[Any] = list(sys.modules.values())
    for module in modules:
        if module.__name__.startswith("moto.stepfunctions.") and hasattr(module, "is_within_size_quota"):
            module.is_within_size_quota = is_within_size_quota
    for path, name in (
        ("state", "CommonStateField"),
        ("exec.state_task.state_task_lambda", "StateTaskLambda"),
        ("exec.state_task.service.state_task_service", "StateTaskService"),
    ):
        module = importlib.import_module(f"moto.stepfunctions.parser.asl.component.state.{path}")
        _report_oversized_output(getattr(module, name))


def _report_oversized_output(state: Any) -> None:
    verify = state._verify_size_quota

    def verify_and_report(self: Any, env: Any, value: Any) -> None:
        size = size_of([value]) - 2
        if size > PAYLOAD_LIMIT:
            report(_too_big(env.event_manager, f"output of {self.name}", size))
        verify(self, env, value)

    state._verify_size_quota = verify_and_report


def _check_payloads(manager: Any, event_type: Any, event_details: Any) -> None:
    for details in (event_details or {}).values():
        for field in ("input", "output", "parameters"):
            text = details.get(field) if isinstance(details, dict) else None
            if not isinstance(text, str) or len(text) <= PAYLOAD_LIMIT:
                continue
            size = size_of(text)
            if size > PAYLOAD_LIMIT:
                where = details.get("name") or details.get("resource") or event_type
                report(_too_big(manager, f"{field} of {where}", size))


def _too_big(manager: Any, what: str, size: int) -> str:
    limit = f"the limit is {PAYLOAD_LIMIT:,} (States.DataLimitExceeded)"
    return f"{_execution_of(manager)}: {what} has {size:,} bytes, {limit}"


def _end_for_length(manager: Any) -> None:
    report(f"{_execution_of(manager)}: history reached {_book.history_limit:,} events (States.Runtime)")
    worker = getattr(manager, "worker", None)
    if worker is not None:
        cause = f"The execution reached the maximum number of history events ({_book.history_limit})."
        worker.fail_now(error="States.Runtime", cause=cause)


def _execution_of(manager: Any) -> str:
    worker = getattr(manager, "worker", None)
    return f"execution {worker.execution.name}" if worker is not None else "execution"
