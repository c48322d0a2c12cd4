"""Make the time of the state machines pass faster."""

import threading
import time
import types
from dataclasses import dataclass
from typing import Any

from sandbox.engine.patch import accelerator
from tests.harness.moto_patches.internals import parser_module

_MIN_UNLIMITED_SECONDS = 9e7  # moto uses 99,999,999 s for a state without TimeoutSeconds


@dataclass(slots=True)
class Clock:
    """How fast the state machines' time runs."""

    speed: float = 1.0
    """Factor for Wait, Retry and the timeouts of machines, of `.waitForTaskToken` and of `.sync` Tasks."""
    task_speed: float = 1.0
    """Factor for TimeoutSeconds of request-response Tasks. 1, because their Lambda functions run in real time."""


clock = Clock()

_thread = threading.local()  # what this thread evaluates: .state, .env


@accelerator
def scale_time() -> None:
    """Divide the time of each of the five places that sleep or time out by `clock`.

    The sleeps also become interruptible: moto cannot stop a retry delay, and a Wait enters itself again because it
    counts in whole seconds.
    """
    wait = parser_module("asl.component.state.wait.wait_function.wait_function").WaitFunction
    retrier = parser_module("asl.component.common.retry.retrier_decl")
    execute_state = parser_module("asl.component.state.exec.execute_state")
    program = parser_module("asl.component.program.program")
    callback = parser_module("asl.eval.callback.callback")

    def sleep(env: Any, seconds: float) -> None:
        end = time.monotonic() + seconds / clock.speed
        while env.is_running() and (left := end - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    wait._wait_interval = lambda self, env, wait_seconds: sleep(env, wait_seconds)

    retry_body = retrier.RetrierDecl._eval_body

    def eval_retrier(self: Any, env: Any) -> None:
        _thread.env = env
        retry_body(self, env)

    retrier.RetrierDecl._eval_body = eval_retrier
    retrier.time = types.SimpleNamespace(sleep=lambda seconds: sleep(_thread.env, seconds))

    state_with_timeout = execute_state.ExecutionState._evaluate_with_timeout

    def evaluate_with_timeout(self: Any, env: Any) -> None:
        _thread.state = self
        state_with_timeout(self, env)

    def real(timeout: Any, speed: float) -> float | None:
        if not isinstance(timeout, (int, float)):
            # In a stopped execution moto evaluates no expression and uses the top of the stack as the timeout. There
            # is nothing left to wait for.
            return 0.0
        return None if timeout >= _MIN_UNLIMITED_SECONDS else timeout / speed

    class StateDone(threading.Event):
        def wait(self, timeout: Any = None) -> bool:
            waits = getattr(getattr(_thread.state, "resource", None), "condition", None) is not None
            return super().wait(real(timeout, clock.speed if waits else clock.task_speed))

    class TokenAnswered(threading.Event):
        def wait(self, timeout: Any = None) -> bool:
            return super().wait(real(timeout, clock.speed))

    class MachineThread(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            super().join(None if timeout is None else timeout / clock.speed)

    execute_state.ExecutionState._evaluate_with_timeout = evaluate_with_timeout
    execute_state.threading = types.SimpleNamespace(Event=StateDone)
    callback.Event = TokenAnswered
    program.threading = types.SimpleNamespace(Thread=MachineThread)
