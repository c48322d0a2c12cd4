"""Note the time and the memory that functions take.

AWS writes such figures into the REPORT line of each invocation. MiniStack's has the time of the engine in it.
"""

import contextlib
import contextvars
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import lambda_runtime

from sandbox.engine import TIMES_HEADER
from sandbox.engine.door import Application, Message, Receive, Send

_NOTED = ("invocations", "starts", "functionMilliseconds", "cpuMilliseconds", "startMilliseconds", "peakMegabytes")

_times: contextvars.ContextVar[dict[str, float] | None] = contextvars.ContextVar("times", default=None)


def note_functions() -> dict[str, dict[str, float]]:
    """Note from now on, by name of the function, what all its environments took, and the highest peak of one.

    The peak is VmHWM of /proc/PID/status after each invocation. Return what is being noted, which keeps changing.
    """
    noted: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_NOTED, 0))
    worker: Any = lambda_runtime.Worker
    spawn, invoke, drain = worker._spawn, worker.invoke, worker._drain_stderr_bounded

    def timed_spawn(self: Any) -> None:
        began = time.perf_counter()
        spawn(self)
        self.seconds_to_start = time.perf_counter() - began
        self.cpu_before = _cpu_seconds(self)

    def timed_drain(self: Any, *limits: Any, **more: Any) -> Any:
        self.answered_at = time.perf_counter()  # the engine now waits for the last lines of the log
        return drain(self, *limits, **more)

    def timed_invoke(self: Any, *arguments: Any, **more: Any) -> Any:
        self.seconds_to_start, self.answered_at, self.cpu_before = 0.0, None, _cpu_seconds(self)
        began = time.perf_counter()
        response = invoke(self, *arguments, **more)
        seconds = (self.answered_at or time.perf_counter()) - began - self.seconds_to_start
        taken = {
            "function": 1_000 * seconds,
            "cpu": 1_000 * max(_cpu_seconds(self) - self.cpu_before, 0),
            "start": 1_000 * self.seconds_to_start,
        }
        _note(noted[self.func_name], taken, _peak_megabytes(self))
        if (times := _times.get()) is not None:
            times.update({name: times.get(name, 0) + value for name, value in taken.items()})
        return response

    worker._spawn, worker.invoke, worker._drain_stderr_bounded = timed_spawn, timed_invoke, timed_drain
    app.app = _timed(app.app)
    return noted


def _note(noted: dict[str, float], taken: dict[str, float], peak: float) -> None:
    noted["invocations"] += 1
    noted["starts"] += bool(taken["start"])
    for name, value in taken.items():
        noted[f"{name}Milliseconds"] += value
    noted["peakMegabytes"] = max(noted["peakMegabytes"], peak)


def _cpu_seconds(worker: Any) -> float:
    """What the process of the worker has computed so far, in all of its threads; 0 without one."""
    with contextlib.suppress(AttributeError, OSError):
        return time.clock_gettime(~worker._proc.pid << 3 | 2)  # clock_getcpuclockid(3), which Python does not have
    return 0.0


def _peak_megabytes(worker: Any) -> float:
    with contextlib.suppress(AttributeError, OSError):
        for line in Path(f"/proc/{worker._proc.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1_024 / 1e6
    return 0.0


def _timed(application: Application) -> Application:
    """Send the times of each request with its answer."""

    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        began, times = time.perf_counter(), dict.fromkeys(("function", "cpu", "start"), 0.0)
        _times.set(times)

        async def send_with_times(message: Message) -> None:
            if message["type"] == "http.response.start":
                total = {**times, "total": 1_000 * (time.perf_counter() - began)}
                value = json.dumps({name: round(each, 2) for name, each in total.items()}).encode()
                message = {**message, "headers": [*message.get("headers", []), (TIMES_HEADER.encode(), value)]}
            await send(message)

        await application(scope, receive, send_with_times)

    return answer
