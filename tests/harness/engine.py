"""An AWS in this process that runs real state machines with real handlers: `with Engine(speed=60) as engine:`."""

import base64
import functools
import importlib
import io
import json
import logging
import threading
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.harness import asl, limits, moto_patches
from tests.harness.lambda_runtime import Handler, LambdaRuntime
from tests.harness.moto_patches import internals
from tests.harness.moto_patches.accelerators.scaled_time import clock
from tests.harness.moto_patches.defects.executions import on_end

ROOT = Path(__file__).resolve().parents[2]
CODE_ROOT = ROOT / "lambdas"
LOCAL_SERVERS = [r"https?://127\.0\.0\.1[:/]", r"https?://localhost[:/]"]
"""Addresses moto lets through to the network, so that a handler can call the DRS emulator over HTTP."""


class Execution:
    """An execution, running or ended."""

    def __init__(self, execution: Any) -> None:
        self._execution = execution
        self.arn: str = execution.execution_arn
        self.name: str = execution.name

    @property
    def status(self) -> str:
        return str(self._execution.status)

    @property
    def output(self) -> Any:
        return self._execution.output

    @property
    def error(self) -> str | None:
        error: str | None = self._execution.error
        return error

    @property
    def cause(self) -> str | None:
        cause: str | None = self._execution.cause
        return cause

    @property
    def history(self) -> list[dict[str, Any]]:
        """The events so far, as GetExecutionHistory has them (which needs 10 s for 15,000 of them)."""
        environment = getattr(self._execution.exec_worker, "env", None)
        return list(environment.event_manager._history_event_list) if environment else []  # it starts at this moment

    def states_entered(self) -> list[str]:
        """Names of the states entered so far, in order; those of parallel branches are interleaved."""
        return internals.states_entered(self.history)

    def wait(self, timeout: float = 60.0) -> Self:
        """Wait until it ended; raise TimeoutError, saying where it is, if that takes over `timeout` real seconds."""
        if not self._execution.ended.wait(timeout):
            raise TimeoutError(f"{self.name} still runs after {timeout} s; last states: {self.states_entered()[-5:]}")
        return self

    def wait_for_state(self, state: str, timeout: float = 60.0) -> Self:
        """Wait until it has entered `state`, so that a test can stop or answer it there."""
        step = threading.Event()
        for _ in range(int(timeout / 0.01)):
            if state in self.states_entered():
                return self
            step.wait(0.01)
        raise TimeoutError(f"{self.name} never entered {state}; states: {self.states_entered()}")

    def stop(self, error: str | None = None, cause: str | None = None) -> Self:
        """StopExecution."""
        self._execution.stop(stop_date=internals.now(), error=error, cause=cause)
        return self

    def __repr__(self) -> str:
        return f"<Execution {self.name} {self.status} {self.error or ''} {(self.cause or '')[:300]}>"


class Engine:
    """moto with its Step Functions interpreter on and mended, and our Lambda runtime.

    On leaving, running executions are stopped and their threads joined. If something was done that AWS would have
    refused (limits.py), leaving raises AwsRuleBroken, unless `enforce` is False; then see `broken_rules`.
    """

    def __init__(
        self,
        *,
        speed: float = 60.0,
        task_speed: float = 1.0,
        code_root: Path = CODE_ROOT,
        region: str = "eu-central-1",
        environment: Mapping[str, str] | None = None,
        history_limit: int = limits.HISTORY_LIMIT,
        enforce: bool = True,
    ) -> None:
        self.speed, self.task_speed = speed, task_speed
        self.region, self.account = region, DEFAULT_ACCOUNT_ID
        self.environment = dict(environment or {})
        """Variables every function has; `create_function` adds its own."""
        self.runtime = LambdaRuntime(code_root)
        self._history_limit, self._enforce = history_limit, enforce
        self._end_listeners: list[tuple[str, frozenset[str]]] = []
        self._mock = mock_aws(
            config={
                "stepfunctions": {"execute_state_machine": True},
                "core": {
                    "mock_credentials": True,
                    "reset_boto3_session": True,
                    "service_whitelist": None,
                    "passthrough": {"urls": LOCAL_SERVERS, "services": []},
                },
            }
        )

    # --- life and death

    def __enter__(self) -> Self:
        moto_patches.install()
        limits.install()
        internals.forget_clients()
        clock.speed, clock.task_speed = self.speed, self.task_speed
        self._book = limits.open_book(self._history_limit)
        # moto logs every error it hands to Retry or Catch, with the whole component, as ERROR.
        logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
        self._mock.start()
        self.runtime.start()
        on_end.append(self._tell_listeners)
        self.role = self._create_role()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        on_end.remove(self._tell_listeners)
        for execution in list(internals.executions()):
            execution.stop(stop_date=internals.now(), error=None, cause="The test ended.")
        left = [*internals.join_threads(60), *self.runtime.stop()]
        self._mock.stop()
        if kind is not None:
            return
        if left:
            raise RuntimeError(f"threads outlive the test: {[thread.name for thread in left]}")
        if self._enforce:
            self.check_rules()

    @property
    def broken_rules(self) -> list[str]:
        """The rules of AWS that were broken so far."""
        return self._book.broken

    def check_rules(self) -> None:
        """Raise AwsRuleBroken if a rule of AWS was broken so far."""
        if self.broken_rules:
            raise limits.AwsRuleBroken("\n".join(self.broken_rules))

    # --- making

    def client(self, service: str) -> Any:
        """A boto3 client of this world."""
        return internals.client(service, self.region)

    def create_function(
        self,
        name: str,
        handler: str | Handler,
        env: Mapping[str, str] | None = None,
        *,
        timeout: int = 30,
        memory: int = 256,
    ) -> str:
        """Create a function from `tasks.start_recovery.handler` (or any callable) and return its ARN."""
        if callable(handler):
            self.runtime.register(name, handler)
        # Not by the API, which takes 8 ms, and every test has all functions.
        made: Any = _functions(self.account, self.region).create_function(
            {
                "FunctionName": name,
                "Runtime": "python3.12",
                "Role": self.role,
                "Handler": handler if isinstance(handler, str) else "toy.handler",
                "Code": {"ZipFile": _EMPTY_ZIP},
                "Timeout": timeout,
                "MemorySize": memory,
                "Environment": {"Variables": {**self.environment, **(env or {})}},
            }
        )
        arn: str = made.function_arn
        return arn

    def create_machine(
        self, name: str, source: Path | str | dict[str, Any], substitutions: Mapping[str, str] | None = None
    ) -> str:
        """Create a state machine from a YAML file (or a definition), if AWS would take it, and return its ARN."""
        definition = source if isinstance(source, dict) else asl.load(source, substitutions)
        text = json.dumps(definition)
        _assert_sound(name, text)
        arn: str = self.client("stepfunctions").create_state_machine(name=name, definition=text, roleArn=self.role)[
            "stateMachineArn"
        ]
        return arn

    def machine_arn(self, name: str) -> str:
        """The ARN a machine has or will have: machines that start each other need it before it exists."""
        return f"arn:aws:states:{self.region}:{self.account}:stateMachine:{name}"

    def function_arn(self, name: str) -> str:
        """The ARN a function has or will have."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"

    def _create_role(self) -> str:
        trust = {"Version": "2012-10-17", "Statement": []}
        role = self.client("iam").create_role(RoleName="engine", AssumeRolePolicyDocument=json.dumps(trust))
        arn: str = role["Role"]["Arn"]
        return arn

    # --- running

    def start(self, machine_arn: str, input: Any = None, name: str | None = None) -> Execution:
        """StartExecution; `input` is any JSON value."""
        arguments = {"stateMachineArn": machine_arn, "input": json.dumps({} if input is None else input)}
        if name is not None:
            arguments["name"] = name
        return self.execution(self.client("stepfunctions").start_execution(**arguments)["executionArn"])

    def run(self, machine_arn: str, input: Any = None, name: str | None = None, timeout: float = 60.0) -> Execution:
        """Start an execution and wait until it ended, at most `timeout` real seconds."""
        return self.start(machine_arn, input, name).wait(timeout)

    def invoke(self, function: str, event: Any) -> Any:
        """The function's answer, as a service gets it that calls the function: API Gateway, say."""
        model = _functions(self.account, self.region).get_function(function)
        return json.loads(self.runtime.invoke(model, json.dumps(event), {}, {}))

    def execution(self, arn: str) -> Execution:
        """The execution with this ARN: of a child that a machine started, say."""
        return Execution(internals.find_execution(arn))

    def executions(self, machine_name: str | None = None) -> list[Execution]:
        """All executions, oldest first, of one machine or of all."""
        found = [Execution(execution) for execution in internals.executions()]
        return [one for one in found if machine_name is None or one.arn.split(":")[-2] == machine_name]

    def on_execution_end(self, function: str, statuses: Collection[str] = ("FAILED", "TIMED_OUT", "ABORTED")) -> None:
        """Invoke `function` when an execution ends so, as an EventBridge rule would (moto sends no such events)."""
        self._end_listeners.append((function, frozenset(statuses)))

    def settle(self, timeout: float = 60) -> None:
        """Wait for functions that were invoked asynchronously."""
        if left := self.runtime.settle(timeout):
            raise TimeoutError(f"still running: {[thread.name for thread in left]}")

    def _tell_listeners(self, execution: Any) -> None:
        for function, statuses in self._end_listeners:
            if str(execution.status) in statuses:
                model = _functions(self.account, self.region)
                body = json.dumps(_status_change(execution, self.account, self.region), default=str)
                self.runtime.invoke(model.get_function(function), body, {"X-Amz-Invocation-Type": "Event"}, {})


def _status_change(execution: Any, account: str, region: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html"""

    def milliseconds(moment: Any) -> int | None:
        return None if moment is None else int(moment.timestamp() * 1000)

    return {
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": account,
        "time": execution.stop_date.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [execution.execution_arn],
        "detail": {
            "executionArn": execution.execution_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": str(execution.status),
            "startDate": milliseconds(execution.start_date),
            "stopDate": milliseconds(execution.stop_date),
            "input": execution.execution_input,
            "output": None if execution.output is None else json.dumps(execution.output),
            "error": execution.error,
            "cause": execution.cause,
        },
    }


@functools.lru_cache(maxsize=64)
def _assert_sound(name: str, text: str) -> None:
    """Check each definition once, because all tests have the same machines."""
    asl.assert_sound(json.loads(text), rules=asl.AWS_RULES, name=name)


def _functions(account: str, region: str) -> Any:
    return importlib.import_module("moto.awslambda.utils").get_backend(account, region)


def _empty_zip() -> str:
    """In Base64, as the API has it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("toy.py", "")
    return base64.b64encode(buffer.getvalue()).decode()


_EMPTY_ZIP = _empty_zip()
