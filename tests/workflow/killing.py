"""Functions that die in the middle of their work, right after one of the changes they make."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient

from tests.engine.lambda_runtime import FunctionFault

CHANGES = {
    "PutItem",
    "StartExecution",
    "StartRecovery",
    "TerminateRecoveryInstances",
    "TransactWriteItems",
    "UpdateItem",
}


@contextmanager
def killed_after_change(function: str, number: int) -> Iterator[list[str]]:
    """Kill the function, once, right after its `number`-th change; yields the changes it made before it died."""
    call, made, lock = BaseClient._make_api_call, list[str](), threading.Lock()  # type: ignore[attr-defined]
    dead = threading.Event()

    def counted(self: Any, operation: str, parameters: Any) -> Any:
        answer = call(self, operation, parameters)
        if operation in CHANGES and os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == function and not dead.is_set():
            with lock:
                made.append(operation)
                if len(made) == number:
                    dead.set()
                    raise FunctionFault("Runtime.ExitError")
        return answer

    BaseClient._make_api_call = counted  # type: ignore[attr-defined]
    try:
        yield made
    finally:
        BaseClient._make_api_call = call  # type: ignore[attr-defined]
