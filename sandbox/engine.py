"""Run MiniStack, unmodified, with the few seams that the sandbox needs.

MiniStack plays AWS on this machine. Where it differs from AWS in a way that our code would notice, a seam below mends
it from outside; each says what is wrong in MiniStack 1.5.33, and `tests/sandbox/test_engine.py` shows the defect and
its cure side by side, so a seam can go when upstream has mended it. To run without some of them, name them:
`DRS_WAVES_ENGINE_WITHOUT=preforked_environments,yaml_definitions`, or `all`.

    python -m sandbox.engine

MiniStack's own settings (GATEWAY_PORT, AUTH, SFN_WAIT_SCALE and the rest) come from the environment. So do the
settings of the sandboxed functions: the engine hands its environment on to them, beneath their own variables.
"""

import contextlib
import contextvars
import functools
import hashlib
import io
import json
import logging
import os
import queue
import re
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.core.responses import AccountRegionScopedDict, get_region
from ministack.services import (
    apigateway_v1,
    cloudwatch,
    cloudwatch_logs,
    dynamodb,
    ec2,
    eventbridge,
    lambda_svc,
    stepfunctions,
)
from ministack.services.cloudformation import changesets, helpers, provisioners
from ministack.services.cloudformation import engine as templates

from sandbox.prefork import ForkedProcess, Zygote

WITHOUT = "DRS_WAVES_ENGINE_WITHOUT"
ENVIRONMENTS_AHEAD = "DRS_WAVES_ENVIRONMENTS_AHEAD"
"""How many execution environments of each new function are started before it is first called."""

logger = logging.getLogger("sandbox.engine")


class SeamDoesNotFit(Exception):
    """MiniStack has changed where a seam takes hold of it: read the seam's reason again, then mend or drop it."""


# --- What a handler raised ---------------------------------------------------------------------------------------

_RAISED = "drs-waves:raised"
_UPSTREAM_REPORT = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
_OUR_REPORT = (
    f'{{"status": "ok", "result": {{"{_RAISED}": '
    '{"errorMessage": str(e), "errorType": type(e).__name__, "stackTrace": traceback.format_exc().splitlines()}}}'
)


def exception_names() -> None:
    """A handler's exception keeps its class name, and its environment lives on.

    MiniStack reports every exception as `Runtime.HandlerError`, so no Retry or Catch ever matches an error of ours.
    It also kills the environment, though on AWS an exception leaves it warm: a task that is told to wait by raising
    would start cold each time.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_UPSTREAM_REPORT) != 1:
        raise SeamDoesNotFit("the Python worker reports exceptions in a new way")
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


# --- State machines in YAML --------------------------------------------------------------------------------------


def yaml_definitions() -> None:
    """A state machine's DefinitionS3Location may be a YAML file, as CloudFormation says.

    MiniStack stores the text as it is, and every execution then fails with `InvalidDefinition`.
    """
    read_definition = provisioners._sfn_definition

    def sfn_definition(props: dict[str, Any]) -> str:
        text: str = read_definition(props)
        try:
            json.loads(text)
        except json.JSONDecodeError:
            return json.dumps(yaml.safe_load(text), default=str)
        return text

    provisioners._sfn_definition = sfn_definition


# --- ANY in a REST API -------------------------------------------------------------------------------------------

_ANY_METHOD = "x-amazon-apigateway-any-method"


def any_method() -> None:
    """A SAM event with `Method: ANY` becomes a method of the REST API.

    MiniStack's OpenAPI import skips API Gateway's key for it, and the API answers 403 to everything.
    """
    import_operation = apigateway_v1._import_operation

    def import_any_too(api_id: str, resource_id: str, http_method: str, *rest: Any) -> None:
        method = "ANY" if http_method.lower() == _ANY_METHOD else http_method
        import_operation(api_id, resource_id, method, *rest)

    apigateway_v1._OPENAPI_HTTP_METHODS.add(_ANY_METHOD)
    apigateway_v1._import_operation = import_any_too


# --- What a REST API answers itself ------------------------------------------------------------------------------

_GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"


def gateway_responses() -> None:
    """An API refuses what is not signed, or not a route, in the words that its OpenAPI document has for it.

    MiniStack's import skips API Gateway's key for them, and answers in its own.
    """
    import_rest_api = apigateway_v1._import_rest_api

    def import_responses_too(spec: dict[str, Any], *rest: Any) -> Any:
        api_id = import_rest_api(spec, *rest)
        for kind, response in spec.get(_GATEWAY_RESPONSES, {}).items():
            apigateway_v1._put_gateway_response(api_id, kind, response)
        return api_id

    apigateway_v1._import_rest_api = import_responses_too


# --- History of Map and Parallel ---------------------------------------------------------------------------------


class _Entered(dict[str, Any]):
    """States of an iteration or branch that tell the history when one of them is entered."""

    def __init__(self, states: dict[str, Any], execution: dict[str, Any]) -> None:
        super().__init__(states)
        self._execution = execution

    def get(self, name: str, default: Any = None) -> Any:
        state = super().get(name, default)
        if state:
            entered = {"stateEnteredEventDetails": {"name": name}}
            stepfunctions._add_event(self._execution, f"{state.get('Type')}StateEntered", entered)
        return state


def map_history() -> None:
    """The states inside a Map or Parallel are in the history, each as it is entered.

    MiniStack records their tasks but not the states, so nobody could follow a run by its history or count what
    Step Functions would bill. Inputs, and the exit of each state, are still missing.
    """
    run_sub_machine, add_event = stepfunctions._run_sub_machine, stepfunctions._add_event
    lock = threading.Lock()

    def run_and_tell(states: dict[str, Any], start: str, data: Any, execution: dict[str, Any], ctx: Any) -> Any:
        return run_sub_machine(_Entered(states, execution), start, data, execution, ctx)

    def add_in_order(execution: dict[str, Any], kind: str, details: dict[str, Any] | None = None) -> Any:
        with lock:  # iterations run in threads, and an event's id is its place in the list
            return add_event(execution, kind, details)

    stepfunctions._run_sub_machine, stepfunctions._add_event = run_and_tell, add_in_order


# --- Task tokens -------------------------------------------------------------------------------------------------


class _CalledFunctionFailed(BaseException):
    """Carries a function's error past MiniStack's `except`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def task_tokens() -> None:
    """A wait for a task token ends in time when its TimeoutSeconds is JSONata, and when its function fails.

    MiniStack takes the expression itself for a number of seconds, and the execution's thread dies of it. An error of
    the function that was to keep the token is swallowed; the wait then lasts for ever, and no Retry has its turn.
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


# --- Metrics and alarms ------------------------------------------------------------------------------------------


def embedded_metrics() -> None:
    """Metrics that a function writes into its log become metrics, and alarms look at those of their own dimensions.

    MiniStack keeps the lines and nothing more, and adds up a metric over whatever dimensions it has.
    """
    append, store = cloudwatch_logs._append_log_events, cloudwatch._store_datum
    evaluate = cloudwatch._evaluate_alarm
    lock = threading.RLock()

    def store_alone(*datum: Any) -> None:
        with lock:
            store(*datum)

    def append_and_count(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
        append(stream, events)
        found = [line for event in events if (line := _embedded(event["message"]))]
        for line in found:
            for datum in _data_of(line):
                store_alone(*datum)
        if found:
            cloudwatch._evaluate_all_alarms()

    def evaluate_own(alarm: dict[str, Any]) -> None:
        wanted = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or ()}
        with lock:
            every = cloudwatch._metrics
            cloudwatch._metrics = {
                key: points for key, points in every.items() if points and (points[0].get("Dimensions") or {}) == wanted
            }
            try:
                evaluate(alarm)
            finally:
                cloudwatch._metrics = every

    cloudwatch_logs._append_log_events = append_and_count
    cloudwatch._store_datum, cloudwatch._evaluate_alarm = store_alone, evaluate_own


def _embedded(message: str) -> dict[str, Any] | None:
    if '"_aws"' not in message:
        return None
    try:
        line = json.loads(message)
    except json.JSONDecodeError:
        return None
    return line if isinstance(line, dict) and "CloudWatchMetrics" in line.get("_aws", {}) else None


def _data_of(line: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """What the line says, as `_store_datum` takes it: once for each set of dimensions."""
    for group in line["_aws"]["CloudWatchMetrics"]:
        for names in group["Dimensions"]:
            dimensions = {name: line[name] for name in names}
            for metric in group["Metrics"]:
                values = line[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    moment = line["_aws"]["Timestamp"] / 1000
                    unit = metric.get("Unit", "None")
                    yield group["Namespace"], metric["Name"], dimensions, moment, unit, value, None, None, None


def metric_math() -> None:
    """An alarm on an expression over metrics can be deployed. It is never evaluated, so it never fires here.

    MiniStack refuses it, and with it the whole stack.
    """
    record = provisioners._cw_metric_alarm_record

    def record_any(name: str, props: dict[str, Any]) -> Any:
        if "Metrics" in props:
            kept = {key: value for key, value in props.items() if key != "Metrics"}
            props = {**kept, "Namespace": "sandbox", "MetricName": "not evaluated"}
        return record(name, props)

    provisioners._cw_metric_alarm_record = record_any


# --- Events of AWS services --------------------------------------------------------------------------------------


def aws_events() -> None:
    """The DRS emulator may put events of `aws.drs` on the bus, as DRS itself does on AWS.

    MiniStack, as AWS, refuses sources that begin with `aws.` from callers, and has no other door for a service that
    lives outside of it. The product sends no events, so nothing it might do wrong is hidden by this.
    """
    put_events = eventbridge._put_events

    def put_any(data: dict[str, Any], allow_aws_source: bool = True) -> Any:
        return put_events(data, allow_aws_source)

    eventbridge._put_events = put_any


# --- Instances by their ids ---------------------------------------------------------------------------------------


def instance_id_filter() -> None:
    """DescribeInstances with the filter `instance-id` answers with those instances.

    MiniStack does not know the filter and answers with every instance of the account and Region.
    """
    matches_filters = ec2._matches_filters

    def matches_by_id_too(instance: dict[str, Any], filters: dict[str, Any]) -> bool:
        wanted = filters.get("instance-id")
        return (not wanted or instance["InstanceId"] in wanted) and matches_filters(instance, filters)

    ec2._matches_filters = matches_by_id_too


# --- Schedules in groups ------------------------------------------------------------------------------------------

_SCHEDULE_IN_DEFAULT = ":schedule/default/"


def schedule_groups() -> None:
    """A policy that allows schedules of one group lets them be made there.

    MiniStack holds every request about a schedule against the ARN it would have in the group `default`.
    """
    extract_resource_arn = iam_actions.extract_resource_arn

    def extract_with_group(service: str, method: str, path: str, *rest: Any, **more: Any) -> Any:
        arn = extract_resource_arn(service, method, path, *rest, **more)
        if service != "scheduler" or _SCHEDULE_IN_DEFAULT not in str(arn):
            return arn
        given = (*rest, *more.values())
        body = next((each for each in given if isinstance(each, bytes) and b'"GroupName"' in each), b"{}")
        group = json.loads(body).get("GroupName", "default")
        return arn.replace(_SCHEDULE_IN_DEFAULT, f":schedule/{group}/")

    iam_actions.extract_resource_arn = extract_with_group


# --- Variables in policies ----------------------------------------------------------------------------------------

_PRINCIPAL_TAG = re.compile(r"\$\{(aws:PrincipalTag/[^}]+)\}")


def policy_variables() -> None:
    """A condition of a policy may compare with a tag of the caller: `${aws:PrincipalTag/team}`.

    MiniStack compares with the text of the variable. It gives roles their tags and knows them as condition keys.
    """
    conditions_met = iam_evaluator._conditions_met

    def conditions_met_with_variables(conditions: dict[str, Any], ctx: Any) -> bool:
        def value_of(variable: re.Match[str]) -> str:
            return str(ctx.principal_keys.get(variable[1].lower(), variable[0]))

        filled_in = {
            operator: {key: _replaced(_PRINCIPAL_TAG, value_of, expected) for key, expected in keys.items()}
            for operator, keys in conditions.items()
        }
        return bool(conditions_met(filled_in, ctx))

    iam_evaluator._conditions_met = conditions_met_with_variables


def _replaced(pattern: re.Pattern[str], value_of: Callable[[re.Match[str]], str], expected: Any) -> Any:
    if isinstance(expected, list):
        return [_replaced(pattern, value_of, each) for each in expected]
    return pattern.sub(value_of, expected) if isinstance(expected, str) else expected


# --- Nested stacks ------------------------------------------------------------------------------------------------


def nested_transforms() -> None:
    """The template of a nested stack may have resources of SAM.

    MiniStack transforms the template of the stack that is deployed, and takes those of nested stacks as they are.
    """
    resolve_template = helpers._resolve_template

    def resolve_and_transform(params: dict[str, Any]) -> tuple[str | None, Any]:
        body, error = resolve_template(params)
        if body and error is None:
            body = json.dumps(templates._apply_transforms(templates._parse_template(body)))
        return body, error

    # Only nested stacks look it up here at each call; the others have imported it.
    helpers._resolve_template = resolve_and_transform


# --- Expressions ---------------------------------------------------------------------------------------------------


def expressions_read_once() -> None:
    """A Query reads its condition once, however many rows it looks at.

    MiniStack splits the text up and checks its grammar anew for each row: a third of all it did under load.
    """
    read, grammar_error = dynamodb._tokenize, dynamodb._condition_syntax_error
    reserved_word = functools.lru_cache(maxsize=1024)(dynamodb._check_reserved_keyword_usage)
    # Nobody changes what was read, and tuples hold everybody to that.
    dynamodb._tokenize = functools.lru_cache(maxsize=1024)(lambda expression: tuple(read(expression)))
    dynamodb._condition_syntax_error = functools.lru_cache(maxsize=1024)(grammar_error)
    dynamodb._check_reserved_keyword_usage = lambda tokens: reserved_word(tuple(tokens))


# --- The end of an invocation's log --------------------------------------------------------------------------------

_LOG_ENDS = "drs-waves:log-ends"
_UPSTREAM_ANSWER = "        _real_stdout.flush()\n\nrun()\n"
_OUR_ANSWER = f'        sys.stderr.write("{_LOG_ENDS}\\n")\n        sys.stderr.flush()\n{_UPSTREAM_ANSWER}'
_LOG_SECONDS = 5.0


def whole_logs() -> None:
    """The log of an invocation is what it wrote, and whoever called it waits for no more than that.

    MiniStack cannot tell where it ends: it waits 50 ms for a function that logs nothing, and gives up after 250 ms on
    one that logs much, whose last lines then belong to the next invocation.
    """
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_UPSTREAM_ANSWER) != 1:
        raise SeamDoesNotFit("the Python worker answers in a new way")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_UPSTREAM_ANSWER, _OUR_ANSWER)
    drain = lambda_runtime.Worker._drain_stderr_bounded

    def drain_to_the_end(worker: Any, *arguments: Any, **more: Any) -> Any:
        is_python = str(worker.config.get("Runtime", "")).startswith("python")
        if worker._proc is None or not is_python:  # a dead one says no more
            return drain(worker, *arguments, **more)
        return "\n".join(_lines_of_one(worker._stderr_queue))

    lambda_runtime.Worker._drain_stderr_bounded = drain_to_the_end


def _lines_of_one(lines: "queue.Queue[str]") -> Iterator[str]:
    deadline = time.monotonic() + _LOG_SECONDS
    with contextlib.suppress(queue.Empty):
        while not (line := lines.get(timeout=max(deadline - time.monotonic(), 0))).endswith(_LOG_ENDS):
            yield line
        if unfinished := line.removesuffix(_LOG_ENDS):
            yield unfinished


# --- Versions of state machines ------------------------------------------------------------------------------------

_VERSION = "AWS::StepFunctions::StateMachineVersion"
_running_version: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("version", default=None)


class _MachinesAsStarted(AccountRegionScopedDict):  # type: ignore[misc]  # MiniStack is not typed
    """Machines, each with the definition of the version that the execution of this thread was started by."""

    __slots__ = ()

    def get(self, arn: str, default: Any = None) -> Any:
        machine, version = super().get(arn, default), _running_version.get()
        if machine and version and version["stateMachineArn"] == arn:
            return {**machine, "definition": version["definition"]}
        return machine


def machine_versions() -> None:
    """A template may publish a version of a machine, and what is started by a version runs as that version says.

    MiniStack's CloudFormation does not know the type. An execution that is started by a version runs whatever the
    machine is at the moment, and a machine that starts another one by a version and waits for it finds none.
    """
    stepfunctions._state_machines.__class__ = _MachinesAsStarted

    def by_version(start: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
        def started(data: dict[str, Any]) -> Any:
            version = stepfunctions._state_machine_versions.get(data.get("stateMachineArn", ""))
            if version:
                data = {**data, "stateMachineArn": version["stateMachineArn"]}
            token = _running_version.set(version)  # the execution's thread has a copy of the context
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


# --- Tables with copies ------------------------------------------------------------------------------------------

_GLOBAL_TABLE = "AWS::DynamoDB::GlobalTable"


def table_replicas() -> None:
    """A global table is protected against deletion as its replica in this Region says, and a stack can import it.

    MiniStack ignores replicas, and with them their settings, and imports only tables of the plain type. Copies in
    other Regions are not made here either way.
    """
    handlers = provisioners._RESOURCE_HANDLERS[_GLOBAL_TABLE]
    create, update = handlers["create"], handlers["update"]

    def with_own_replica(props: dict[str, Any]) -> dict[str, Any]:
        own = [each for each in props.get("Replicas") or () if each["Region"] == get_region()]
        protected = any(str(each.get("DeletionProtectionEnabled")).lower() == "true" for each in own)
        return {**props, "DeletionProtectionEnabled": protected}

    def create_protected(logical_id: str, props: dict[str, Any], stack: str) -> Any:
        return create(logical_id, with_own_replica(props), stack)

    def update_protected(name: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        return update(name, with_own_replica(old), with_own_replica(new), stack)

    handlers.update(create=create_protected, update=update_protected)
    handlers["import"] = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]["import"]
    changesets._IMPORT_LOOKUPS[_GLOBAL_TABLE] = changesets._IMPORT_LOOKUPS["AWS::DynamoDB::Table"]


# --- Execution environments --------------------------------------------------------------------------------------


class _Spawning(threading.local):
    """Which worker this thread is spawning, if any."""

    worker: "PreforkedWorker | None" = None


_spawning = _Spawning()


class PreforkedWorker(lambda_runtime.Worker):  # type: ignore[misc]  # MiniStack is not typed
    """MiniStack's warm worker, forked from a zygote instead of started from nothing."""

    def __init__(self, func_name: str, config: dict[str, Any], code_zip: bytes) -> None:
        # Without layers in its configuration, MiniStack does not unpack them again for each worker.
        super().__init__(func_name, {**config, "Layers": []}, code_zip)
        self._layers = config.get("Layers") or []

    def _spawn(self) -> None:
        _spawning.worker = self
        try:
            super()._spawn()
        finally:
            _spawning.worker = None

    def zygote(self) -> Zygote:
        return _zygote_for(tuple(filter(None, map(_unpacked_layer, self._layers))))


class _ForkingSubprocess:
    """Stands in for the module `subprocess` inside MiniStack's Lambda runtime: a worker's Popen becomes a fork."""

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    @staticmethod
    def Popen(args: list[str], **options: Any) -> "subprocess.Popen[Any] | ForkedProcess":  # noqa: N802
        worker = _spawning.worker
        if worker is None:
            return subprocess.Popen(args, **options)
        return worker.zygote().fork(args[-1], cwd=options["cwd"], env=options["env"])


_unpacking = threading.Lock()
_zygotes: dict[tuple[Path, ...], Zygote] = {}


def _unpacked_layer(attachment: str | dict[str, Any]) -> Path | None:
    """The folder with a layer's content, unpacked once for all functions."""
    content: bytes | None = lambda_svc._resolve_layer_zip(attachment)
    if not content:
        return None
    folder = Path(tempfile.gettempdir()) / f"layer-{hashlib.sha256(content).hexdigest()[:16]}"
    with _unpacking:
        if not folder.exists():
            zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return folder


def _zygote_for(layers: tuple[Path, ...]) -> Zygote:
    with _unpacking:
        return _zygotes.setdefault(layers, Zygote(layers))


def preforked_environments() -> None:
    """Environments start in milliseconds, see `sandbox.prefork`, and the first of each function before its first call.

    MiniStack starts a Python for each, unpacks the layers again and imports boto3: 1 to 1.4 s, a simulated minute.
    """
    original_class_for = lambda_runtime._worker_class_for

    def worker_class_for(config: dict[str, Any]) -> type:
        is_python = str(config.get("Runtime", "")).startswith("python")
        return PreforkedWorker if is_python else original_class_for(config)

    lambda_runtime._worker_class_for = worker_class_for
    lambda_runtime.subprocess = _ForkingSubprocess()
    ahead = int(os.environ.get(ENVIRONMENTS_AHEAD, "1"))
    if ahead:
        _start_ahead(ahead)


def _start_ahead(count: int) -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create: Callable[..., Any] = handlers["create"]
    queue = ThreadPoolExecutor(max_workers=1, thread_name_prefix="environments-ahead")

    def create_and_start(*args: Any, **kwargs: Any) -> Any:
        created = create(*args, **kwargs)
        # MiniStack finds account and Region in context variables, so the thread needs a copy of ours.
        queue.submit(contextvars.copy_context().run, _start_environments, created[0], count)
        return created

    handlers["create"] = create_and_start


def _start_environments(name: str, count: int) -> None:
    function = lambda_svc._functions.get(name)
    if function is None or not function.get("code_zip"):
        return
    workers = []
    try:
        for _ in range(count):
            worker, _reason = lambda_runtime.acquire_worker(name, function["config"], function["code_zip"])
            workers.append(worker)
            lambda_runtime.ensure_spawned(worker)
    except Exception:
        # The first call of the function fails in the same way, and there it belongs to somebody.
        logger.warning("%s cannot start", name, exc_info=True)
    finally:
        for worker in workers:
            lambda_runtime.release_worker(worker)


# -----------------------------------------------------------------------------------------------------------------

SEAMS: tuple[Callable[[], None], ...] = (
    exception_names,
    yaml_definitions,
    any_method,
    gateway_responses,
    map_history,
    task_tokens,
    embedded_metrics,
    metric_math,
    aws_events,
    instance_id_filter,
    schedule_groups,
    policy_variables,
    nested_transforms,
    expressions_read_once,
    whole_logs,
    machine_versions,
    table_replicas,
    preforked_environments,
)


def main() -> None:
    """Take hold of MiniStack, then be MiniStack."""
    without = {name.strip() for name in os.environ.get(WITHOUT, "").split(",") if name.strip()}
    unknown = without - {seam.__name__ for seam in SEAMS} - {"all"}
    if unknown:
        raise SystemExit(f"{WITHOUT}: there is no seam called {', '.join(sorted(unknown))}")
    for seam in SEAMS:
        if not without & {seam.__name__, "all"}:
            seam()
    app.main()


if __name__ == "__main__":
    main()
