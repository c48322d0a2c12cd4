"""The start and the end of an execution."""

import importlib
import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

from sandbox.engine.patch import defect
from tests.harness import limits
from tests.harness.asl import execution_log_problem, execution_name_problem
from tests.harness.moto_patches.internals import now, parser_module, replace_everywhere, threads


@defect("moto 5.2.5")
def name_executions() -> None:
    """An execution started without a name gets the ARN `…:None`. Illegal names and oversized input are accepted.

    Wrong in moto: `start_execution` uses the name as it is, and has a TODO for its validation.
    Patch: use a UUID when there is no name. Raise InvalidName and InvalidExecutionInput where AWS raises them.
    """
    backend = parser_module("models").StepFunctionsParserBackend
    api = parser_module("api")
    start = backend.start_execution

    def start_execution(
        self: Any, state_machine_arn: str, name: str | None = None, execution_input: str | None = None, *more: Any
    ) -> Any:
        name = name or str(uuid.uuid4())
        if problem := execution_name_problem(name):
            limits.report(f"StartExecution: {problem} (InvalidName)")
            raise api.InvalidName(f"Invalid Name: '{name}'")
        if problem := execution_log_problem(name):  # AWS starts it
            limits.report(f"StartExecution: {problem}")
        if limits.size_of(execution_input or "{}") > limits.PAYLOAD_LIMIT:
            limits.report(
                f"StartExecution {name}: input is over {limits.PAYLOAD_LIMIT:,} bytes (InvalidExecutionInput)"
            )
            raise api.InvalidExecutionInput("Invalid State Machine Execution Input: input is too large")
        return start(self, state_machine_arn, name, execution_input, *more)

    backend.start_execution = start_execution


@defect("moto 5.2.5")
def start_with_an_environment() -> None:
    """SendTask* fails at times with `'NoneType' object has no attribute 'callback_pool_manager'`.

    Wrong in moto: the thread of an execution creates `exec_worker.env`, so it is None for the first milliseconds of
    every execution. An answer to any token reads the environment of every running execution.
    Patch: create the environment before the thread starts.
    """
    worker = parser_module("backend.execution_worker").ExecutionWorker
    execution = parser_module("backend.execution").Execution
    make_environment, start, init = worker._get_evaluation_environment, worker.start, execution.__init__

    def get_environment(self: Any) -> Any:
        return self.env or make_environment(self)

    def start_worker(self: Any) -> None:
        self.execution = self._execution_communication.execution
        self.env = make_environment(self)
        self.env.next_state_name = ""  # makes it count as running
        self.env.event_manager.worker = self
        start(self)

    def init_execution(self: Any, *arguments: Any, **more: Any) -> None:
        init(self, *arguments, **more)
        self.ended = threading.Event()

    worker._get_evaluation_environment = get_environment
    worker.start = start_worker
    execution.__init__ = init_execution


OnEnd = Callable[[Any], None]
on_end: list[OnEnd] = []
"""Called with moto's execution when it ends, in the thread that ended it."""


@defect("moto 5.2.5")
def stop_at_once() -> None:
    """StopExecution in a token wait, a retry or a Map leaves the execution RUNNING for long, or makes it FAILED.

    Wrong in moto: a stop only sets a flag, which is read at the end of the current state. A state that is interrupted
    raises, and `set_error` overwrites the flag. The TimeoutSeconds of a machine has the same defect.
    DescribeExecution has no stopDate for TIMED_OUT. StopExecution and SendTaskFailure drop `error` and `cause`.
    Patch: end the execution at once (last event, status, dates), close its history, wake its threads, and ignore what
    they still report.
    """
    environment = parser_module("asl.eval.environment").Environment
    manager = parser_module("asl.eval.event.event_manager").EventManager
    worker = parser_module("backend.execution_worker").ExecutionWorker
    communication = parser_module("backend.execution").BaseExecutionWorkerCommunication
    states = parser_module("asl.eval.program_state")
    api = parser_module("api")
    details = parser_module("asl.eval.event.event_detail").EventDetails
    kind = api.HistoryEventType
    init, set_error, set_timed_out = environment.__init__, environment.set_error, environment.set_timed_out
    add_event = manager.add_event
    ending = threading.Lock()

    class Lasting(threading.Event):
        """moto sets and clears the event at once, so a thread between its check and its wait would miss it."""

        def clear(self) -> None:
            pass

    def init_environment(self: Any, *arguments: Any, **more: Any) -> None:
        init(self, *arguments, **more)
        self.program_state_event = Lasting()

    def seal(env: Any, event_type: Any, event_details: Any) -> None:
        env.event_history_context.source_event_id = 0
        env.event_manager.add_event(env.event_history_context, event_type, details(**event_details))
        env.event_manager.sealed = True
        for endpoint in list(env.callback_pool_manager._pool.values()):
            endpoint.interrupt_all()

    def add_event_unless_sealed(self: Any, *arguments: Any, **more: Any) -> int:
        return -1 if getattr(self, "sealed", False) else add_event(self, *arguments, **more)

    def set_error_unless_stopped(self: Any, error: Any) -> None:
        stopped = (states.ProgramStopped, states.ProgramTimedOut)
        if not isinstance(self._program_state, stopped) and not getattr(self.event_manager, "sealed", False):
            set_error(self, error)

    def time_out(self: Any) -> None:
        set_timed_out(self)
        if not self._is_frame:
            event = api.ExecutionTimedOutEventDetails()
            seal(self, kind.ExecutionTimedOut, {"executionTimedOutEventDetails": event})

    def stop(self: Any, stop_date: Any, error: str | None = None, cause: str | None = None) -> None:
        with self.env._state_mutex:
            if not self.env.is_running():
                return
            self.env.set_stop(stop_date=stop_date, cause=cause, error=error)
        self.execution.error, self.execution.cause = error, cause
        event = api.ExecutionAbortedEventDetails(error=error, cause=cause)
        seal(self.env, kind.ExecutionAborted, {"executionAbortedEventDetails": event})
        self._execution_communication.terminated()

    def fail_now(self: Any, error: str, cause: str) -> None:
        event = api.ExecutionFailedEventDetails(error=error, cause=cause)
        self.env.set_error(event)
        seal(self.env, kind.ExecutionFailed, {"executionFailedEventDetails": event})
        self._execution_communication.terminated()

    def terminated(self: Any) -> None:
        with ending:
            if self.execution.ended.is_set():
                return
            self._reflect_execution_status()
            self.execution.ended.set()
        for listener in list(on_end):
            listener(self.execution)

    environment.__init__ = init_environment
    environment.set_error = set_error_unless_stopped
    environment.set_timed_out = time_out
    manager.add_event = add_event_unless_sealed
    worker.stop, worker.fail_now = stop, fail_now
    communication.terminated = terminated
    _answer_about_the_end()


def _answer_about_the_end() -> None:
    response: Any = importlib.import_module("moto.stepfunctions.responses").StepFunctionResponse
    core: Any = importlib.import_module("moto.core.responses")
    describe = response.describe_execution

    def stop_execution(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        execution.stop(stop_date=now(), error=self._get_param("error"), cause=self._get_param("cause"))
        return core.ActionResult({"stopDate": execution.stop_date})

    def describe_execution(self: Any) -> Any:
        answer = describe(self)
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        if execution.status == "SUCCEEDED":
            answer.result["output"] = json.dumps(execution.output, default=str)
        if execution.stop_date:
            answer.result["stopDate"] = execution.stop_date
        return answer

    def send_task_failure(self: Any) -> Any:
        token, error, cause = (self._get_param(name) for name in ("taskToken", "error", "cause"))
        self.stepfunction_backend.send_task_failure(token, error=error, cause=cause)
        return core.EmptyResult()

    response.stop_execution = stop_execution
    response.describe_execution = describe_execution
    response.send_task_failure = send_task_failure


@defect("moto 5.2.5")
def keep_threads_accountable() -> None:
    """Every thread that moto has started stays in a list: 10 MB per thousand Map iterations.

    Wrong in moto: `TMP_THREADS` is appended to and never read.
    Patch: hold the threads weakly. `Engine` reads there which of them still run at the end of a test.
    """
    old = parser_module("utils").TMP_THREADS
    replace_everywhere("TMP_THREADS", old, threads)
