"""End functions in the middle of their work, right after one of the changes they make."""

import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.client import BaseClient

from tests.harness.lambda_runtime import FunctionFault

CHANGES = {
    "PutItem",
    "StartExecution",
    "StartRecovery",
    "TerminateRecoveryInstances",
    "TransactWriteItems",
    "UpdateItem",
}


Call = Callable[[Any, str, Any], Any]


@contextmanager
def calls_through(made_by: Callable[[Call], Call]) -> Iterator[None]:
    """Replace the call of every botocore client by what `made_by` returns for the original."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    BaseClient._make_api_call = made_by(call)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        BaseClient._make_api_call = call  # type: ignore[attr-defined]


@contextmanager
def killed_after_change(function: str, number: int, changes: Collection[str] = CHANGES) -> Iterator[list[str]]:
    """Kill the function, once, right after its `number`-th change; yields the changes it made before it died."""
    made, lock, dead = list[str](), threading.Lock(), threading.Event()

    def counting(call: Call) -> Call:
        def counted(self: Any, operation: str, parameters: Any) -> Any:
            answer = call(self, operation, parameters)
            if operation in changes and os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == function and not dead.is_set():
                with lock:
                    made.append(operation)
                    if len(made) == number:
                        dead.set()
                        raise FunctionFault("Runtime.ExitError")
            return answer

        return counted

    with calls_through(counting):
        yield made


@contextmanager
def killed_before(function: str, strikes: Callable[[str, Any], bool], meanwhile: Callable[[], Any]) -> Iterator[None]:
    """Kill the function, once, right before the first call that `strikes` chooses by operation and parameters.

    `meanwhile` happens at that moment. Raise AssertionError if there is no such call.
    """
    dead = threading.Event()

    def dying(call: Call) -> Call:
        def made(self: Any, operation: str, parameters: Any) -> Any:
            is_mine = os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == function
            if is_mine and not dead.is_set() and strikes(operation, parameters):
                dead.set()
                meanwhile()
                raise FunctionFault("Runtime.ExitError")
            return call(self, operation, parameters)

        return made

    with calls_through(dying):
        yield
    assert dead.is_set(), f"{function} makes no such call"


@dataclass(frozen=True, slots=True)
class Gate:
    """`reached` is set when the call is about to be made; it is made when `go` is set."""

    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


@contextmanager
def held_before(function: str, operation: str, seconds: float = 30) -> Iterator[Gate]:
    """Hold the function right before its first call of the operation, at most for so many seconds."""
    gate, lock = Gate(), threading.Lock()

    def holding(call: Call) -> Call:
        def made(self: Any, called: str, parameters: Any) -> Any:
            if called == operation and os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == function:
                with lock:
                    is_first = not gate.reached.is_set()
                    gate.reached.set()
                if is_first:
                    gate.go.wait(seconds)
            return call(self, called, parameters)

        return made

    with calls_through(holding):
        yield gate
    assert gate.reached.is_set(), f"{function} never called {operation}"
