"""Lambda: the names of exceptions, and which log lines belong to an invocation."""

import contextlib
import queue
import time
from collections.abc import Iterator
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from sandbox.engine.patch import PatchDoesNotFit, defect

_RAISED = "drs-waves:raised"
_UPSTREAM_REPORT = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_OUR_REPORT = (
    f'{{"status": "ok", "result": {{"{_RAISED}": '
    '{"errorMessage": str(e), "errorType": type(e).__name__, "stackTrace": traceback.format_exc().splitlines()}}}'
)


@defect("MiniStack 1.5.33")
def keep_exception_names() -> None:
    """Report an exception by its class name, and keep its execution environment.

    MiniStack reports every exception as `Runtime.HandlerError`, so no Retry or Catch matches a named error. It also
    ends the environment. On AWS an exception leaves it warm; in MiniStack a task that raises in order to be retried
    starts cold each time.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_UPSTREAM_REPORT) != 1:
        raise PatchDoesNotFit("the Python worker reports exceptions in a new way")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_UPSTREAM_REPORT, _OUR_REPORT)
    execute = lambda_svc._execute_function_warm

    def execute_function_warm(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        outcome: dict[str, Any] = execute(func, event, request_id)
        body = outcome.get("body")
        if not isinstance(body, dict) or _RAISED not in body:
            return outcome
        error = body[_RAISED]
        log = "\n".join(filter(None, [outcome.get("log", ""), *error["stackTrace"]]))
        return {**outcome, "body": error, "error": True, "log": log}

    lambda_svc._execute_function_warm = execute_function_warm


_LOG_END = "drs-waves:log-end"
_UPSTREAM_ANSWER = "        _real_stdout.flush()\n\nrun()\n"
_OUR_ANSWER = f'        sys.stderr.write("{_LOG_END}\\n")\n        sys.stderr.flush()\n{_UPSTREAM_ANSWER}'
_MAX_LOG_SECONDS = 5.0


@defect("MiniStack 1.5.33")
def separate_logs() -> None:
    """Return exactly the lines that an invocation wrote as its log, without waiting for more.

    MiniStack does not know where the log of an invocation ends. It waits 50 ms for a function that logs nothing. It
    stops reading after 250 ms when a function logs much, and the rest appears in the log of the next invocation.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_UPSTREAM_ANSWER) != 1:
        raise PatchDoesNotFit("the Python worker answers in a new way")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_UPSTREAM_ANSWER, _OUR_ANSWER)
    drain = lambda_runtime.Worker._drain_stderr_bounded

    def drain_to_the_end(worker: Any, *arguments: Any, **more: Any) -> Any:
        is_python = str(worker.config.get("Runtime", "")).startswith("python")
        if worker._proc is None or not is_python:  # a process that has ended writes no end mark
            return drain(worker, *arguments, **more)
        return "\n".join(_lines_of_one_invocation(worker._stderr_queue))

    lambda_runtime.Worker._drain_stderr_bounded = drain_to_the_end


def _lines_of_one_invocation(lines: "queue.Queue[str]") -> Iterator[str]:
    deadline = time.monotonic() + _MAX_LOG_SECONDS
    with contextlib.suppress(queue.Empty):
        while not (line := lines.get(timeout=max(deadline - time.monotonic(), 0))).endswith(_LOG_END):
            yield line
        if unfinished := line.removesuffix(_LOG_END):
            yield unfinished
