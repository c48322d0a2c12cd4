"""Cures for moto 5.2.5, so that its Step Functions interpreter runs what AWS runs.

Each function cures one defect, says what is wrong upstream and how it is mended, and can be deleted on its own when
upstream mends it; tests/workflow/test_engine_cures.py has one test per cure. `install` applies all of them, once.
All of moto below `stepfunctions.parser` is ported from LocalStack and untyped, hence the `Any`s.
"""

import collections
import contextlib
import datetime
import functools
import importlib
import json
import sys
import threading
import time
import types
import uuid
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.endpoint
import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.engine import jsonata_eval, limits
from tests.engine.asl import execution_name_problem

CHECKED_AGAINST = "5.2.5"
"""The version of moto these cures were written for and tested with."""

_HOW_LONG_IS_FOREVER = 9e7  # moto writes 99,999,999 s where a state has no TimeoutSeconds


def _parser(path: str) -> Any:
    return importlib.import_module("moto.stepfunctions.parser." + path)


def _replace_everywhere(name: str, old: Any, new: Any) -> None:
    """Rebind `name` in every moto module that imported `old` by name."""
    for module in list(sys.modules.values()):
        if module.__name__.startswith("moto.") and module.__dict__.get(name) is old:
            setattr(module, name, new)


def install() -> None:
    """Apply every cure. Idempotent: each is a cached function, so it runs once in a process."""
    importlib.import_module("moto.stepfunctions.responses")
    _parser("models")
    for cure in CURES:
        cure()


# --- JSONata


@functools.cache
def evaluate_jsonata() -> None:
    """JSONata expressions fail: `'NoneType' object is not callable`.

    Wrong upstream: the port from LocalStack left out its evaluator (a JVM), so `_eval_jsonata` stays None
    (getmoto/moto#10105). Even with one, values are spliced into the expression's text, where a quote in a string
    breaks the syntax, and an undefined result of a Choice's Condition is a plain RuntimeError.
    Cure: evaluate with jsonata-python, binding `$states` and the variables as values. An undefined result, or a
    variable that was never assigned, fails the state with States.QueryEvaluationError, as on AWS.
    """
    strings = _parser("asl.component.common.string.string_expression")
    comparison = _parser("asl.component.state.choice.comparison.comparison")
    jsonata = _parser("asl.jsonata.jsonata")

    def evaluate(env: Any, text: str, *, is_condition: bool) -> Any:
        states = {key: value for key, value in env.states._states_data.items() if key in ("input", "context")}
        for key in ("result", "errorOutput"):
            # moto keeps these as None between states; AWS does not have them there at all.
            if env.states._states_data.get(key) is not None:
                states[key] = env.states._states_data[key]
        variables = env.variable_store
        bindings = {**variables._outer_scope, **variables._inner_scope, "states": _as_json(states)}
        try:
            with jsonata_eval.compiled(text) as expression:
                result = expression.evaluate(bindings)
                missing = expression.missing_paths(bindings) if is_condition else []
            for path in missing:
                limits.report(
                    f"Choice {env.next_state_name}: {path} does not exist, so the condition {{% {text} %}} is "
                    f"silently {json.dumps(result if result is not jsonata_eval.UNDEFINED else None)}; "
                    f"ask $exists({path}) first if it is optional"
                )
        except Exception as error:
            raise _query_error(env, f"The JSONata expression '{text}' threw an error: {error}") from error
        if result is jsonata_eval.UNDEFINED:
            raise _query_error(env, f"The JSONata expression '{text}' returned nothing (undefined).")
        if is_condition and not isinstance(result, bool):
            raise _query_error(env, f"The JSONata expression '{text}' of a Condition returned no boolean: {result!r}")
        return result

    def eval_string(self: Any, env: Any) -> None:
        env.stack.append(evaluate(env, self.expression, is_condition=False))

    def eval_condition(self: Any, env: Any) -> None:
        env.stack.append(evaluate(env, self.string_jsonata.expression, is_condition=True))

    def eval_spliced(text: str) -> Any:
        """What is left of upstream's way: `$variables` in a JSONPath state."""
        result = jsonata_eval.Expression(text).evaluate({})
        return None if result is jsonata_eval.UNDEFINED else result

    strings.StringJSONata._eval_body = eval_string
    comparison.ConditionStringJSONata._eval_body = eval_condition
    jsonata._eval_jsonata = eval_spliced


def _as_json(value: Any) -> Any:
    return json.loads(_parser("asl.utils.encoding").to_json_str(value))


def _query_error(env: Any, cause: str) -> Exception:
    api = _parser("api")
    error = "States.QueryEvaluationError"
    failure = _parser("asl.component.common.error_name.failure_event")
    event = failure.FailureEvent(
        env=env,
        error_name=_states_error(error),
        event_type=api.HistoryEventType.EvaluationFailed,
        event_details=_parser("asl.eval.event.event_detail").EventDetails(
            evaluationFailedEventDetails=api.EvaluationFailedEventDetails(cause=cause, error=error)
        ),
    )
    raised: Exception = failure.FailureEventException(failure_event=event)
    return raised


def _states_error(name: str) -> Any:
    return _parser("asl.component.common.error_name.states_error_name").StatesErrorName.from_name(name)


# --- service integrations


@functools.cache
def normalise_parameters() -> None:
    """`states:startExecution(.sync:2)` and many `aws-sdk:` tasks fail with `KeyError: 'Input'` and the like.

    Wrong upstream: ASL writes PascalCase where boto3 wants the API's own casing; the two methods that convert
    became `pass` in the port (getmoto/moto#10076; fix proposed in #10101 for startExecution only).
    Cure: convert by botocore's service model, both ways; make responses plain JSON.
    """
    service = _parser("asl.component.state.exec.state_task.service.state_task_service").StateTaskService
    aws_sdk = _parser("asl.component.state.exec.state_task.service.state_task_service_aws_sdk")
    session = botocore.session.get_session()
    lock = threading.Lock()  # botocore's loaders are not thread-safe

    @functools.cache
    def operation(service_name: str, action: str) -> Any:
        with lock:
            model = session.get_service_model(service_name)
            names = {xform_name(name): name for name in model.operation_names}
            return model.operation_model(names[action]) if action in names else None

    def shape(self: Any, which: str, service_name: str | None, action: str | None) -> Any:
        found = operation(self._get_boto_service_name(service_name), self._get_boto_service_action(action))
        return getattr(found, which, None)

    def to_boto(
        self: Any, parameters: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        if found := shape(self, "input_shape", boto_service_name, service_action_name):
            self._to_boto_request(parameters, found)

    def from_boto(
        self: Any, response: Any, boto_service_name: str | None = None, service_action_name: str | None = None
    ) -> None:
        if found := shape(self, "output_shape", boto_service_name, service_action_name):
            self._from_boto_response(response, found)
        if isinstance(response, dict):
            plain = _as_json(response)  # datetimes and Decimals
            response.clear()
            response.update(plain)

    service._normalise_parameters = to_boto
    service._normalise_response = from_boto
    # AWS only raises the first letter (jobID becomes JobID); moto would make it JobId.
    service._to_sfn_cased = staticmethod(lambda key: key[:1].upper() + key[1:])
    aws_sdk._SERVICE_ERROR_NAMES.update(drs="Drs", ec2="Ec2", s3="S3", sns="Sns", sts="Sts", **{"lambda": "Lambda"})


_clients: dict[tuple[str, str, str], Any] = {}
_clients_lock = threading.RLock()


def forget_clients() -> None:
    """Forget clients of other accounts: the credentials they hold die with the `mock_aws` that gave them."""
    with _clients_lock:
        for key in [key for key in _clients if key[2] != DEFAULT_ACCOUNT_ID]:
            del _clients[key]


@functools.cache
def use_clients_of_the_role() -> None:
    """Every Task calls the default account, whoever's role it has, with a client made anew (0.1 s) each time.

    Wrong upstream: `boto_client_for` ignores `state_credentials`.
    Cure: one cached client per service, Region and account; in another account than moto's own, credentials come
    from AssumeRole. Threads make clients one at a time, because boto3 sessions are not thread-safe.
    """
    old = _parser("asl.utils.boto_client").boto_client_for
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=3600)

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        role = getattr(state_credentials, "role_arn", None) or ""
        account = role.split(":")[4] if role.startswith("arn:") else DEFAULT_ACCOUNT_ID
        key = (service, region, account)
        with _clients_lock:
            if key not in _clients:
                session = _session()
                if account != DEFAULT_ACCOUNT_ID:
                    sts = session.client("sts", region_name=region)
                    assumed = sts.assume_role(RoleArn=role, RoleSessionName="states")["Credentials"]
                    session = boto3.session.Session(
                        assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]
                    )
                _clients[key] = session.client(service, region_name=region, config=config)
            return _clients[key]

    _replace_everywhere("boto_client_for", old, boto_client_for)


@functools.cache
def _session() -> Any:
    """Keys moto does not know belong to its default account, for ever; service models are read once per session."""
    return boto3.session.Session("ak", "sk")


@functools.cache
def client(service: str, region: str) -> Any:
    """A client of moto's default account, for tests; may outlive a `mock_aws`."""
    with _clients_lock:
        return _session().client(service, region_name=region)


@functools.cache
def read_service_models_once() -> None:
    """Not a defect: `mock_aws` gives each test a new boto3 session, which reads every service's model from disk anew
    (0.1 s for the first client of each service).

    Cure: sessions share one loader. What it has read is never changed: clients of one session share it as well.
    """
    module: Any = botocore.session
    module.create_loader = functools.cache(module.create_loader)


@functools.cache
def remember_what_never_changes() -> None:
    """Not a defect: each test spends 35 ms on patching `requests`, which nothing here calls moto with, and each call
    works out its user agent and the names of its events anew.

    Cure: leave `requests` alone; keep what depends on a name only.
    """
    importlib.import_module("moto.core.models").RESPONSES_METHODS = []  # type: ignore[attr-defined]
    useragent: Any = importlib.import_module("botocore.useragent")
    name = "sanitize_user_agent_string_component"
    setattr(useragent, name, functools.cache(getattr(useragent, name)))
    aliaser: Any = importlib.import_module("botocore.hooks").EventAliaser
    alias, known = aliaser._alias_event_name, dict[str, str]()

    def alias_event_name(self: Any, event: str) -> str:
        if event not in known:
            known[event] = alias(self, event)
        return known[event]

    aliaser._alias_event_name = alias_event_name


@functools.cache
def make_conditional_writes_atomic() -> None:
    """Two functions that write one row on the same condition may both be told that it held; a function that reads a row
    while another writes it may be told of an internal failure ("dictionary changed size during iteration").

    Wrong upstream: DynamoDB's backend has no lock between looking at a row and writing it, an answer is made from the
    row itself, and a transaction that is refused puts back the whole table as it was before, without what others wrote
    meanwhile.
    Cure: one request at a time, answer included.
    """
    handler: Any = importlib.import_module("moto.dynamodb.responses").DynamoHandler
    answer = handler.call_action

    def one_at_a_time(self: Any) -> Any:
        with _dynamodb:
            return answer(self)

    handler.call_action = one_at_a_time


_dynamodb = threading.Lock()

_ON_ROWS = {
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactWriteItems",
    "UpdateItem",
}


@functools.cache
def answer_dynamodb_directly() -> None:
    """Not a defect: a request to DynamoDB takes 3 ms of signing, HTTP objects, URL matching and shapes, as much as its
    work, and half the time of the product's tests is such requests.

    Cure: hand what botocore has serialised to moto's operation, both in this process, and take its result as it is:
    DynamoDB's JSON is what botocore parses, but for binary values. What is refused goes the long way, so that its
    error is the real one.
    """
    handler: Any = importlib.import_module("moto.dynamodb.responses").DynamoHandler
    stubber: Any = importlib.import_module("moto.core.models").botocore_stubber
    endpoint: Any = botocore.endpoint.Endpoint
    the_long_way = endpoint.make_request

    def make_request(self: Any, operation_model: Any, request: Any) -> Any:
        of_moto = stubber.enabled and self.host.endswith(".amazonaws.com")
        binary = b'"B"' in request["body"] or b'"BS"' in request["body"]
        if not of_moto or self._endpoint_prefix != "dynamodb" or operation_model.name not in _ON_ROWS or binary:
            return the_long_way(self, operation_model, request)
        operation = handler()
        operation.body = operation.params = json.loads(request["body"])
        operation.headers, operation.region = request["headers"], request["context"]["client_region"]
        operation.current_account = DEFAULT_ACCOUNT_ID
        try:
            with _dynamodb:
                result = getattr(operation, xform_name(operation_model.name))().result
        except Exception:  # noqa: BLE001 - refused; whatever it was, it changed nothing
            return the_long_way(self, operation_model, request)
        told = {"RequestId": str(uuid.uuid4()), "HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
        known = operation_model.output_shape.members
        parsed = {key: value for key, value in result.items() if key in known and value is not None}
        return AWSResponse(request["url"], 200, {}, None), parsed | {"ResponseMetadata": told}

    endpoint.make_request = make_request


@functools.cache
def serialise_rows_directly() -> None:
    """Not a defect: DynamoDB's answers take 0.2 ms per attribute, a query of 640 rows over a second.

    Upstream looks for each of the ten possible types of a value under every alias it might have.
    Cure: a value of a plain type is written as it is.
    """
    serializer: Any = importlib.import_module("moto.core.serialize").BaseJSONSerializer
    serialise_structure = serializer._serialize_type_structure

    def serialise(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if key and shape.name == "AttributeValue" and type(value) is dict and len(value) == 1:
            ((kind, plain),) = value.items()
            if (kind in ("S", "N") and type(plain) is str) or kind in ("BOOL", "NULL"):
                serialized[self.get_serialized_name(shape, key)] = {kind: plain}
                return
        serialise_structure(self, serialized, value, shape, key)

    serializer._serialize_type_structure = serialise


@functools.cache
def invoke_lambda_directly() -> None:
    """Not a defect: a `lambda:invoke` Task spends 5 ms in botocore, URL matching and HTTP parsing.

    Cure: hand the payload from the interpreter to the function, both in this process. An unknown function goes the
    long way, so that its error is the real one.
    """
    utils = _parser("asl.component.state.exec.state_task.lambda_eval_utils")
    get_backend: Any = importlib.import_module("moto.awslambda.utils").get_backend
    the_long_way = utils._invoke_lambda_function

    def invoke(parameters: Any, region: str, state_credentials: Any) -> Any:
        name = parameters["FunctionName"]
        owner = name if name.startswith("arn:") else state_credentials.role_arn
        home = name.split(":")[3] if name.startswith("arn:") else region
        try:
            function = get_backend(owner.split(":")[4], home).get_function(name, parameters.get("Qualifier"))
        except Exception:  # noqa: BLE001 - moto has one class per way of being unknown
            return the_long_way(parameters, region, state_credentials)
        headers: dict[str, str] = {}
        body = function.invoke(parameters.get("Payload") or b"{}", {}, headers)
        answer = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": json.loads(body)}
        if "x-amz-function-error" in headers:
            answer["FunctionError"] = headers["x-amz-function-error"]
        return answer

    utils._invoke_lambda_function = invoke


# --- time


@dataclass(slots=True)
class Clock:
    """How fast the state machines' time runs."""

    speed: float = 1.0
    """Factor for Wait, Retry and the timeouts of machines, of `.waitForTaskToken` and of `.sync` Tasks."""
    task_speed: float = 1.0
    """Factor for TimeoutSeconds of request-response Tasks: their Lambda runs in real time, so it is left at 1."""


clock = Clock()

_thread = threading.local()  # what this thread is evaluating: .state, .env


@functools.cache
def scale_time() -> None:
    """Not a defect: a Wait of five minutes takes five minutes.

    Cure: five places sleep or time out; each divides by `clock`. The waiting is also made interruptible, since
    upstream's retry delay cannot be stopped, and a Wait re-enters itself because it counts in whole seconds.
    """
    wait = _parser("asl.component.state.wait.wait_function.wait_function").WaitFunction
    retrier = _parser("asl.component.common.retry.retrier_decl")
    execute_state = _parser("asl.component.state.exec.execute_state")
    program = _parser("asl.component.program.program")
    callback = _parser("asl.eval.callback.callback")

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
            # Upstream evaluates nothing once the execution is stopped, and then takes whatever is on the stack for
            # the timeout: nothing is left to wait for.
            return 0.0
        return None if timeout >= _HOW_LONG_IS_FOREVER else timeout / speed

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


@functools.cache
def wait_for_children_without_polling() -> None:
    """A `.sync` Task asks DescribeExecution every second, and leaves its child running when it is itself stopped.

    Wrong upstream: `_eval_sync` polls in real time; AWS also stops the child when its parent is stopped or times
    out (https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html).
    Cure: sleep until the child ends, then let upstream look once; stop the child if the parent is no more.
    """
    sfn = _parser("asl.component.state.exec.state_task.service.state_task_service_sfn").StateTaskServiceSfn
    eval_sync = sfn._eval_sync

    def remember_child(build: Callable[..., Any]) -> Callable[..., Any]:
        def build_resolver(self: Any, env: Any, **arguments: Any) -> Any:
            arn = env.stack[-1]["ExecutionArn"]
            resolver = build(self, env=env, **arguments)
            resolver.child = find_execution(arn)
            return resolver

        return build_resolver

    def eval_sync_quietly(self: Any, env: Any, sync_resolver: Any, **arguments: Any) -> Any:
        child = getattr(sync_resolver, "child", None)
        if child is not None:
            while env.is_running() and not child.ended.wait(0.1):
                pass
            if not env.is_running():
                child.stop(stop_date=now(), error=None, cause="The parent execution was stopped.")
        return eval_sync(self, env=env, sync_resolver=sync_resolver, **arguments)

    sfn._build_sync_resolver = remember_child(sfn._build_sync_resolver)
    sfn._build_sync2_resolver = remember_child(sfn._build_sync2_resolver)
    sfn._eval_sync = eval_sync_quietly


def find_execution(arn: str) -> Any:
    """moto's execution with this ARN."""
    _, _, _, region, account, *_ = arn.split(":")
    return _parser("models").stepfunctions_parser_backends[account][region].describe_execution(arn)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


# --- starting and stopping


@functools.cache
def name_executions() -> None:
    """An execution started without a name gets the ARN `…:None`; illegal names and oversized input are taken.

    Wrong upstream: `start_execution` formats the name as it comes, and has a TODO for its validation.
    Cure: a UUID for no name; InvalidName and InvalidExecutionInput where AWS raises them.
    """
    backend = _parser("models").StepFunctionsParserBackend
    api = _parser("api")
    start = backend.start_execution

    def start_execution(
        self: Any, state_machine_arn: str, name: str | None = None, execution_input: str | None = None, *more: Any
    ) -> Any:
        name = name or str(uuid.uuid4())
        if problem := execution_name_problem(name):
            limits.report(f"StartExecution: {problem} (InvalidName)")
            raise api.InvalidName(f"Invalid Name: '{name}'")
        if limits.size_of(execution_input or "{}") > limits.PAYLOAD_LIMIT:
            limits.report(
                f"StartExecution {name}: input is over {limits.PAYLOAD_LIMIT:,} bytes (InvalidExecutionInput)"
            )
            raise api.InvalidExecutionInput("Invalid State Machine Execution Input: input is too large")
        return start(self, state_machine_arn, name, execution_input, *more)

    backend.start_execution = start_execution


@functools.cache
def start_with_an_environment() -> None:
    """SendTask* fails with `'NoneType' object has no attribute 'callback_pool_manager'` now and then.

    Wrong upstream: `exec_worker.env` is made by the worker's own thread, so it is None for the first milliseconds
    of every execution, and answering any token looks at the environment of every running execution.
    Cure: make the environment before the thread starts.
    """
    worker = _parser("backend.execution_worker").ExecutionWorker
    execution = _parser("backend.execution").Execution
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


@functools.cache
def stop_at_once() -> None:
    """StopExecution in a token wait, a retry or a Map leaves the execution RUNNING for long, or makes it FAILED.

    Wrong upstream: stopping only sets a flag, which is read when the current state is done; states that break off
    then raise, and `set_error` overwrites the flag. A machine's own TimeoutSeconds has the same defect.
    DescribeExecution has no stopDate for TIMED_OUT, StopExecution and SendTaskFailure lose `error` and `cause`.
    Cure: end the execution at once (last event, status, dates), seal its history, wake whatever its threads wait
    for, and ignore what they still say.
    """
    environment = _parser("asl.eval.environment").Environment
    manager = _parser("asl.eval.event.event_manager").EventManager
    worker = _parser("backend.execution_worker").ExecutionWorker
    communication = _parser("backend.execution").BaseExecutionWorkerCommunication
    states = _parser("asl.eval.program_state")
    api = _parser("api")
    details = _parser("asl.eval.event.event_detail").EventDetails
    kind = api.HistoryEventType
    init, set_error, set_timed_out = environment.__init__, environment.set_error, environment.set_timed_out
    add_event = manager.add_event
    ending = threading.Lock()

    class Lasting(threading.Event):
        """Upstream sets and clears at once: a thread between its check and its wait would sleep on."""

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


@functools.cache
def keep_threads_accountable() -> None:
    """Every thread moto ever started is kept in a list: 10 MB per thousand Map iterations.

    Wrong upstream: `TMP_THREADS` is appended to and never read.
    Cure: hold them weakly, which also tells `Engine` which are left when a test ends.
    """
    old = _parser("utils").TMP_THREADS
    _replace_everywhere("TMP_THREADS", old, _threads)


class _Threads:
    def __init__(self) -> None:
        self._alive: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._lock = threading.Lock()

    def append(self, thread: threading.Thread) -> None:
        with self._lock:
            self._alive.add(thread)

    def alive(self) -> list[threading.Thread]:
        with self._lock:
            return [thread for thread in self._alive if thread.is_alive()]


_threads = _Threads()


def join_threads(seconds: float) -> list[threading.Thread]:
    """Wait for the interpreter's threads to end; return those that are still alive after `seconds`."""
    end = time.monotonic() + seconds
    while (left := _threads.alive()) and time.monotonic() < end:
        threading.Thread.join(left[0], max(0.0, min(0.2, end - time.monotonic())))
    return left


# --- tokens and errors


@functools.cache
def honour_task_tokens() -> None:
    """A token can be answered twice, or after its Task timed out or its execution ended, without an error.

    Wrong upstream: the endpoint of a token is never closed. Worse, a retried Task keeps its old token, whose first
    answer is still there: the second attempt ends at once with the answer to the first. With HeartbeatSeconds, an
    answer that comes before the Lambda returns is not seen until the heartbeat expires.
    Cure: the first answer counts, the next raise TaskTimedOut; each attempt has its own token.
    """
    callback = _parser("asl.eval.callback.callback")
    task = _parser("asl.component.state.exec.state_task.service.state_task_service_callback").StateTaskServiceCallback
    state = _parser("asl.component.state.exec.execute_state").ExecutionState
    late = _parser("asl.component.common.timeouts.timeout").EvalTimeoutError
    backend = _parser("models").StepFunctionsParserBackend
    api = _parser("api")
    attempt, integrate, with_timeout = (
        task._eval_execution,
        task._eval_integration_pattern,
        state._evaluate_with_timeout,
    )
    set_up_heartbeat = callback.CallbackEndpoint.setup_heartbeat_endpoint
    answering = threading.Lock()
    callback.CallbackEndpoint.closed = False

    def answer(self: Any, token: str, outcome: Any) -> None:
        for execution in self._get_executions():
            endpoint = execution.exec_worker.env.callback_pool_manager.get(token)
            if endpoint is None:
                continue
            with answering:
                if endpoint.closed or endpoint.get_outcome() is not None or execution.status != "RUNNING":
                    raise api.TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
                endpoint.notify(outcome)
            return
        raise api.InvalidToken()

    def send_task_success(self: Any, task_token: str, outcome: str) -> None:
        try:
            json.loads(outcome)
        except ValueError as error:
            raise api.InvalidOutput(f"Invalid Output: '{error}'") from error
        if limits.size_of(outcome) > limits.PAYLOAD_LIMIT:
            limits.report(f"SendTaskSuccess: output is over {limits.PAYLOAD_LIMIT:,} bytes")
            raise api.InvalidOutput("Invalid Output: too large")
        answer(self, task_token, callback.CallbackOutcomeSuccess(callback_id=task_token, output=outcome))

    def send_task_failure(self: Any, task_token: str, error: str | None = None, cause: str | None = None) -> None:
        answer(self, task_token, callback.CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))

    def endpoint_of(env: Any) -> Any:
        token = (env.states.context_object.context_object_data.get("Task") or {}).get("Token")
        return env.callback_pool_manager.get(token) if token else None

    def eval_attempt(self: Any, env: Any) -> None:
        endpoint = endpoint_of(env)
        if endpoint is not None and (endpoint.closed or endpoint.get_outcome() is not None):
            env.callback_pool_manager.add(env.states.context_object.update_task_token())
        attempt(self, env)

    def eval_integration(self: Any, env: Any, **arguments: Any) -> None:
        try:
            integrate(self, env=env, **arguments)
        finally:
            if (endpoint := endpoint_of(env)) is not None:
                endpoint.closed = True

    def evaluate_with_timeout(self: Any, env: Any) -> None:
        try:
            with_timeout(self, env)
        except late:
            if (endpoint := endpoint_of(env)) is not None:
                endpoint.closed = True
                endpoint.interrupt_all()
            raise

    def heartbeat_of(self: Any, heartbeat_seconds: int) -> Any:
        heartbeat = set_up_heartbeat(self, heartbeat_seconds)
        if self.get_outcome() is not None:
            heartbeat.notify()
        return heartbeat

    backend.send_task_success, backend.send_task_failure = send_task_success, send_task_failure
    task._eval_execution, task._eval_integration_pattern = eval_attempt, eval_integration
    state._evaluate_with_timeout = evaluate_with_timeout
    callback.CallbackEndpoint.setup_heartbeat_endpoint = heartbeat_of


@functools.cache
def name_api_errors() -> None:
    """InvalidDefinition, InvalidToken, TaskTimedOut and their like reach boto3 with an empty error code.

    Wrong upstream: the classes ported from LocalStack carry `code`, moto's AWSError answers with `TYPE`.
    Cure: give each its code as TYPE.
    """
    api = _parser("api")
    for error in list(vars(api).values()):
        if isinstance(error, type) and issubclass(error, api.ServiceException) and "code" in vars(error):
            kind: Any = error
            kind.TYPE = kind.code


@functools.cache
def let_states_errors_out_of_maps() -> None:
    """A Map or Parallel in which something fails with `States.Timeout` fails with States.Runtime instead.

    Wrong upstream: the error is wrapped in CustomErrorName, which refuses names that begin with `States.`.
    Cure: give those the class that is meant for them.
    """
    custom = _parser("asl.component.common.error_name.custom_error_name").CustomErrorName
    plain = _parser("asl.component.common.error_name.error_name").ErrorName

    def error_name(error_name: str | None) -> Any:
        if error_name is None or not error_name.startswith("States."):
            return custom(error_name=error_name)
        with contextlib.suppress(ValueError):
            return _states_error(error_name)
        return plain(error_name=error_name)

    _parser("asl.component.state.exec.state_map.iteration.iteration_worker").CustomErrorName = error_name
    _parser("asl.component.state.exec.state_parallel.branches_decl").CustomErrorName = error_name


@functools.cache
def read_escapes() -> None:
    """A quote, newline or letter beyond ASCII in a plain string of a definition comes out as `\\"`, `\\n`, `\\u00e9`.

    Wrong upstream: most visitors take the JSON token's text without its quotes; the one that unescapes uses Python's
    rules, which make two surrogates of one emoji. (LocalStack mended it in localstack/localstack#12222.)
    Cure: a JSON string is read as JSON.
    """
    preprocessor = _parser("asl.parse.preprocessor")
    inner, from_literal = preprocessor.Preprocessor._inner_string_of, preprocessor.from_string_literal

    def read(parser_rule_context: Any, otherwise: Callable[..., Any]) -> Any:
        text = parser_rule_context.getText()
        if text.startswith('"'):
            with contextlib.suppress(ValueError):
                return json.loads(text)
        return otherwise(parser_rule_context)

    preprocessor.Preprocessor._inner_string_of = staticmethod(
        lambda parser_rule_context: read(parser_rule_context, inner)
    )
    preprocessor.from_string_literal = lambda parser_rule_context: read(parser_rule_context, from_literal)


@functools.cache
def parse_each_definition_once() -> None:
    """Not a defect: each execution parses its definition with ANTLR in Python, 0.1 to 1 s for a real one.

    Cure: keep the last few programs. They hold no state of an execution, which lives in the Environment.
    """
    parser = _parser("asl.parse.asl_parser").AmazonStateLanguageParser
    parse = parser.parse
    parsed: collections.OrderedDict[str, Any] = collections.OrderedDict()
    lock = threading.Lock()

    def parse_once(definition: str) -> Any:
        with lock:
            if definition not in parsed:
                parsed[definition] = parse(definition)
                if len(parsed) > 32:
                    parsed.popitem(last=False)
            parsed.move_to_end(definition)
            return parsed[definition]

    parser.parse = staticmethod(parse_once)


@functools.cache
def log_errors_without_portraits() -> None:
    """Not a defect of behaviour: each error that a Retry or Catch will handle is logged as ERROR with the `repr` of
    every component it passes through, which for a state machine of ours is tens of kilobytes each time.

    Cure: one line, at DEBUG.
    """
    component = _parser("asl.component.eval_component")

    def log_failure(self: Any, failure_event_exception: Any) -> None:
        component.LOG.debug("%s fails with %s", type(self).__name__, failure_event_exception.extract_error_cause_pair())

    def log_exception(self: Any, exception: Any) -> None:
        component.LOG.debug("%s raises %r", type(self).__name__, exception)

    component.EvalComponent._log_failure_event_exception = log_failure
    component.EvalComponent._log_exception = log_exception


@functools.cache
def list_service_quotas() -> None:
    """Upstream raises NotImplementedError for ListServiceQuotas. On AWS it lists the quotas of a service that have a
    value of their own, page by page.

    Cure: it lists those of the backend's `applied`, values by quota code, which a test may set; none else.
    """
    responses: Any = importlib.import_module("moto.servicequotas.responses")

    def answer(self: Any) -> str:
        values = getattr(self.backend, "applied", {})
        quotas = [{"ServiceCode": "drs", "QuotaCode": code, "Value": value} for code, value in values.items()]
        return json.dumps({"Quotas": quotas})

    responses.ServiceQuotasResponse.list_service_quotas = answer


CURES: tuple[Callable[[], None], ...] = (
    evaluate_jsonata,
    normalise_parameters,
    use_clients_of_the_role,
    read_service_models_once,
    remember_what_never_changes,
    make_conditional_writes_atomic,
    answer_dynamodb_directly,
    serialise_rows_directly,
    invoke_lambda_directly,
    scale_time,
    wait_for_children_without_polling,
    name_executions,
    start_with_an_environment,
    stop_at_once,
    keep_threads_accountable,
    honour_task_tokens,
    name_api_errors,
    let_states_errors_out_of_maps,
    read_escapes,
    parse_each_definition_once,
    log_errors_without_portraits,
    list_service_quotas,
)


def executions() -> Iterator[Any]:
    """moto's executions in every account and Region."""
    for regions in _parser("models").stepfunctions_parser_backends.values():
        for backend in list(regions.values()):
            yield from backend._get_executions()


def states_entered(history: list[dict[str, Any]]) -> list[str]:
    """The names of the states a history entered, in order."""
    return [event["stateEnteredEventDetails"]["name"] for event in history if event["type"].endswith("StateEntered")]
