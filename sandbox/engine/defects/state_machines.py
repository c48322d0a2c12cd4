"""Step Functions: the history of Map and Parallel, task tokens and versions."""

import contextvars
import json
import threading
from collections.abc import Callable
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners

from sandbox.engine.patch import defect


class _RecordedStates(dict[str, Any]):
    """The states of an iteration or branch. Reading a state adds its StateEntered event to the history."""

    def __init__(self, states: dict[str, Any], execution: dict[str, Any]) -> None:
        super().__init__(states)
        self._execution = execution

    def get(self, name: str, default: Any = None) -> Any:
        state = super().get(name, default)
        if state:
            entered = {"stateEnteredEventDetails": {"name": name}}
            stepfunctions._add_event(self._execution, f"{state.get('Type')}StateEntered", entered)
        return state


@defect("MiniStack 1.5.33")
def record_inner_states() -> None:
    """Record each state inside a Map or Parallel in the history when it is entered.

    MiniStack records the tasks inside and not the states, so the history shows neither where a run is nor how many
    transitions Step Functions would bill. The inputs and the exits of the states are still missing.
    """
    run_sub_machine, add_event = stepfunctions._run_sub_machine, stepfunctions._add_event
    lock = threading.Lock()

    def run_and_record(states: dict[str, Any], start: str, data: Any, execution: dict[str, Any], ctx: Any) -> Any:
        return run_sub_machine(_RecordedStates(states, execution), start, data, execution, ctx)

    def add_in_order(execution: dict[str, Any], kind: str, details: dict[str, Any] | None = None) -> Any:
        with lock:  # iterations run in threads, and an event's id is its index in the list
            return add_event(execution, kind, details)

    stepfunctions._run_sub_machine, stepfunctions._add_event = run_and_record, add_in_order


class _CalledFunctionFailed(BaseException):
    """Carries the error of a function through MiniStack's `except Exception`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@defect("MiniStack 1.5.33")
def end_token_waits() -> None:
    """End a wait for a task token when its TimeoutSeconds, written in JSONata, is over, or when its function fails.

    MiniStack uses the text of the expression as the number of seconds, which ends the execution's thread. It ignores
    an error of the function that receives the token, so the wait never ends and no Retry applies.
    """
    execute_task, invoke = stepfunctions._execute_task, stepfunctions._invoke_with_callback
    call_lambda = stepfunctions._call_lambda
    waiting = threading.local()

    def execute(state: dict[str, Any], data: Any, execution: dict[str, Any], ctx: Any) -> Any:
        timeout = state.get("TimeoutSeconds")
        if isinstance(timeout, str):
            seconds = stepfunctions._apply_jsonata_template(timeout, data, ctx)
            state = {**state, "TimeoutSeconds": seconds}
        return execute_task(state, data, execution, ctx)

    def invoke_with_callback(*arguments: Any) -> Any:
        waiting.here = True
        try:
            return invoke(*arguments)
        except _CalledFunctionFailed as failed:
            raise failed.error from None
        finally:
            waiting.here = False

    def call(*arguments: Any, **more: Any) -> Any:
        try:
            return call_lambda(*arguments, **more)
        except stepfunctions._ExecutionError as error:
            if getattr(waiting, "here", False):
                raise _CalledFunctionFailed(error) from None
            raise

    stepfunctions._execute_task = execute
    stepfunctions._invoke_with_callback, stepfunctions._call_lambda = invoke_with_callback, call


_VERSION = "AWS::StepFunctions::StateMachineVersion"
_running_version: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("version", default=None)


class _VersionedMachines(AccountRegionScopedDict):  # type: ignore[misc]  # MiniStack is not typed
    """Maps ARNs to machines.

    For the machine that this thread executes, it returns the definition of the version that started the execution.
    """

    __slots__ = ()

    def get(self, arn: str, default: Any = None) -> Any:
        machine, version = super().get(arn, default), _running_version.get()
        if machine and version and version["stateMachineArn"] == arn:
            return {**machine, "definition": version["definition"]}
        return machine


@defect("MiniStack 1.5.33")
def publish_machine_versions() -> None:
    """Publish versions from a template, and run an execution with the definition of the version that started it.

    MiniStack's CloudFormation does not know the resource type. An execution that is started by the ARN of a version
    runs the machine's current definition. A machine that starts a version and waits for it does not find it.
    """
    stepfunctions._state_machines.__class__ = _VersionedMachines

    def by_version(start: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        def started(data: dict[str, Any]) -> Any:
            version = stepfunctions._state_machine_versions.get(data.get("stateMachineArn", ""))
            if version:
                data = {**data, "stateMachineArn": version["stateMachineArn"]}
            token = _running_version.set(version)  # the execution's thread copies this context
            try:
                return start(data)
            finally:
                _running_version.reset(token)

        return started

    stepfunctions._start_execution = by_version(stepfunctions._start_execution)
    stepfunctions._start_sync_execution = by_version(stepfunctions._start_sync_execution)
    provisioners._RESOURCE_HANDLERS[_VERSION] = {"create": _publish_version, "delete": _delete_version}


def _publish_version(logical_id: str, props: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
    wanted = {"stateMachineArn": props["StateMachineArn"], "revisionId": props.get("StateMachineRevisionId")}
    status, _, body = stepfunctions._publish_state_machine_version(wanted)
    if status >= 400:
        raise ValueError(f"{_VERSION} {logical_id} of {stack}: {body!r}")
    arn = json.loads(body)["stateMachineVersionArn"]
    return arn, {"Arn": arn}


def _delete_version(arn: str, props: dict[str, Any]) -> None:
    stepfunctions._delete_state_machine_version({"stateMachineVersionArn": arn})
