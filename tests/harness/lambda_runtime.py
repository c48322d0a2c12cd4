"""Run Lambda handlers in this process when moto is asked to invoke a function.

moto runs functions in Docker containers. `LambdaFunction.invoke` is where every way of invoking one ends (the API,
Step Functions, SNS), so that is what is replaced. Handlers are imported like any module, from the folder that is
their CodeUri: functions share module state, as one process would. What a container would give each function for
itself, its environment variables, is laid over `os.environ` while it runs.
"""

import contextvars
import functools
import importlib
import json
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools.event_handler.api_gateway import BaseRouter
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.harness import limits

Handler = Callable[[Any, Any], Any]
Before = Callable[[Any, "Context"], None]
After = Callable[[Any, "Context", Any], None]


class FunctionFault(Exception):
    """The error that Step Functions gets when not the handler failed, but the function around it.

    `FunctionFault("Sandbox.Timedout")`, `("Runtime.ExitError")` for a killed one,
    `("Lambda.TooManyRequestsException")`.
    """

    def __init__(self, error_type: str, message: str = "played by the test") -> None:
        super().__init__(message)
        self.error_type = error_type


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a function."""

    function: str
    event: Any
    seconds: float
    error: str | None
    timeout: float

    @property
    def ran_over(self) -> bool:
        """True if AWS would have killed it. Here it runs on: a thread cannot be killed."""
        return self.seconds > self.timeout


class Context:
    """The `context` of a handler, as far as powertools and our handlers read it."""

    def __init__(self, function: Any) -> None:
        self.function_name: str = function.function_name
        self.function_version = "$LATEST"
        self.invoked_function_arn: str = function.function_arn
        self.memory_limit_in_mb = int(function.memory_size)
        self.aws_request_id = str(uuid.uuid4())
        self.log_group_name = f"/aws/lambda/{function.function_name}"
        self.log_stream_name = "in-process"
        self.identity = self.client_context = None
        self._deadline = time.monotonic() + float(function.timeout or 3)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.monotonic()) * 1000))


_own_environment: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar("environment", default=None)


class Environment(MutableMapping[str, str]):
    """`os.environ`, with the variables of the function that runs in this thread on top."""

    def __init__(self, process: MutableMapping[str, str]) -> None:
        self.process = process

    def __getitem__(self, key: str) -> str:
        own = _own_environment.get()
        return own[key] if own is not None and key in own else self.process[key]

    def __setitem__(self, key: str, value: str) -> None:
        own = _own_environment.get()
        if own is None:
            self.process[key] = value
        else:
            own[key] = value

    def __delitem__(self, key: str) -> None:
        own = _own_environment.get()
        if own is not None and key in own:
            del own[key]
        else:
            del self.process[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def copy(self) -> dict[str, str]:
        return {**self.process, **(_own_environment.get() or {})}


@dataclass(slots=True)
class _Hook:
    run: Callable[..., None]
    times: int | None

    def take(self) -> bool:
        """Called under the runtime's lock: whether the hook still applies, and one less next time."""
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


def remember_modules(code_root: Path) -> None:
    """Remember what the containers of modules under `code_root` hold, unless that was done before.

    Call it before a test runs: a test that uses a module directly may leave something in it.
    """
    for module in _find_modules(code_root):
        if module.__name__ not in _when_imported:
            containers = [
                value
                for name, value in vars(module).items()
                if isinstance(value, (dict, list, set)) and not name.startswith("__")
            ]
            _when_imported[module.__name__] = [(value, value.copy()) for value in containers]


def _find_modules(code_root: Path) -> list[Any]:
    root = str(code_root) + os.sep
    return [one for one in list(sys.modules.values()) if (getattr(one, "__file__", None) or "").startswith(root)]


@dataclass
class LambdaRuntime:
    """The functions of one Engine."""

    code_root: Path
    """The CodeUri: `tasks.start_recovery.handler` is `handler` in `tasks/start_recovery.py` below it."""
    invocations: list[Invocation] = field(default_factory=list)
    _callables: dict[str, Handler] = field(default_factory=dict)
    _before: dict[str, list[_Hook]] = field(default_factory=dict)
    _after: dict[str, list[_Hook]] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _process_environment: Any = None
    _modules_seen: int = 0
    _concurrency: int | None = None
    _exempt: Collection[str] = ()
    _busy: int = 0
    refused: int = 0
    """How many invocations were refused because of `limit_concurrency`."""

    def start(self) -> None:
        """Take over moto's invocations and `os.environ`, and make every module under `code_root` a cold start."""
        _take_over_invoke()
        _make_clients_one_at_a_time()
        _give_each_thread_its_request()
        global _running
        _running = self
        if str(self.code_root) not in sys.path:
            sys.path.insert(0, str(self.code_root))
        self._process_environment = os.environ
        os.environ = Environment(os.environ)  # type: ignore[assignment]  # noqa: B003 - os.getenv must see it too
        boto3.DEFAULT_SESSION = _default_session()
        self.cold_start()

    def stop(self, seconds: float = 60) -> list[threading.Thread]:
        """Wait for asynchronous invocations and give back `os.environ`; return the threads that are still busy."""
        global _running
        left = self.settle(seconds)
        _running = None
        os.environ = self._process_environment  # noqa: B003
        boto3.DEFAULT_SESSION = None
        return left

    def settle(self, seconds: float = 60) -> list[threading.Thread]:
        """Wait for asynchronous invocations; return the threads that are still busy."""
        end = time.monotonic() + seconds
        for thread in list(self._threads):
            thread.join(max(0.0, end - time.monotonic()))
        return [thread for thread in self._threads if thread.is_alive()]

    def cold_start(self) -> None:
        """Empty every cache in the modules under `code_root`: functools caches, and dicts, lists and sets at module
        level, which go back to what they held when the module had just been imported.

        The modules themselves stay, so that a class a test imported is the class a handler raises.
        """
        with self._lock:
            self._remember_modules()
            for module in self._own_modules():
                for value in list(vars(module).values()):
                    if callable(clear := getattr(value, "cache_clear", None)):
                        clear()
                for container, first in _when_imported[module.__name__]:
                    container.clear()
                    getattr(container, "extend" if isinstance(container, list) else "update")(first)

    def _own_modules(self) -> list[Any]:
        return _find_modules(self.code_root)

    def _remember_modules(self) -> None:
        if len(sys.modules) == self._modules_seen:  # before each invocation: nothing was imported since
            return
        self._modules_seen = len(sys.modules)
        remember_modules(self.code_root)

    def register(self, function: str, handler: Handler) -> None:
        """Let a function be a Python callable instead of a path: for toys in tests."""
        self._callables[function] = handler

    # --- what tests play

    def before(self, function: str, hook: Before, times: int | None = None) -> None:
        """Run `hook(event, context)` before the handler; if it raises, the handler never runs."""
        self._before.setdefault(function, []).append(_Hook(hook, times))

    def after(self, function: str, hook: After, times: int | None = None) -> None:
        """Run `hook(event, context, result)` after the handler; if it raises, the work is done but the answer lost."""
        self._after.setdefault(function, []).append(_Hook(hook, times))

    def fail(self, function: str, error: Exception | str, times: int = 1) -> None:
        """Make the next `times` invocations fail before any work; a str is the errorType of a FunctionFault."""
        self.before(function, _raiser(error), times)

    def lose_answer(self, function: str, error: Exception | str = "Runtime.ExitError", times: int = 1) -> None:
        """Make the next `times` invocations do their work and die before they answer."""
        self.after(function, _raiser(error), times)

    def limit_concurrency(self, functions: int | None, exempt: Collection[str] = ()) -> None:
        """Refuse what goes beyond so many functions at a time, as Lambda does: all with 0, none with None.

        `exempt` are functions that neither count nor are refused. An asynchronous invocation is never refused: Lambda
        keeps it for six hours.
        """
        with self._lock:
            self._concurrency, self._exempt = functions, exempt

    def clear_hooks(self) -> None:
        self._before.clear()
        self._after.clear()

    # --- looking back

    def invocations_of(self, function: str) -> list[Invocation]:
        return [invocation for invocation in self.invocations if invocation.function == function]

    def longest(self, function: str | None = None) -> Invocation:
        """The invocation that took longest, to assert that no function comes near its timeout."""
        return max(self.invocations_of(function) if function else self.invocations, key=lambda run: run.seconds)

    # --- running

    def invoke(self, function: Any, body: bytes | str | None, headers: Mapping[str, str], answer: Any) -> bytes:
        """Stand in for moto's LambdaFunction.invoke."""
        kind = headers.get("X-Amz-Invocation-Type", headers.get("x-amz-invocation-type"))
        if kind == "DryRun":  # Lambda checks the right to invoke, and runs nothing
            return b""
        if kind == "Event":
            thread = threading.Thread(target=self._run, args=(function, body), name=function.function_name, daemon=True)
            self._threads.append(thread)
            thread.start()
            return b""
        is_of_product = function.function_arn.split(":")[4] == DEFAULT_ACCOUNT_ID  # each account has limits of its own
        counts = is_of_product and function.function_name not in self._exempt
        if counts and not self._take_place():
            answer["x-amz-function-error"] = "Unhandled"
            refusal = {"errorType": "Lambda.TooManyRequestsException", "errorMessage": "Rate Exceeded."}
            return json.dumps(refusal).encode()
        try:
            result, error = self._run(function, body)
        finally:
            if counts:
                self._leave_place()
        if error is not None:
            answer["x-amz-function-error"] = "Unhandled"
        return result

    def _take_place(self) -> bool:
        with self._lock:
            if self._concurrency is not None and self._busy >= self._concurrency:
                self.refused += 1
                return False
            self._busy += 1
            return True

    def _leave_place(self) -> None:
        with self._lock:
            self._busy -= 1

    def _run(self, function: Any, body: bytes | str | None) -> tuple[bytes, str | None]:
        event = json.loads(body) if body else {}
        name = str(function.function_name)
        started = time.monotonic()
        token = _own_environment.set(_environment_of(function))
        error: str | None = None
        try:
            self._check_size(name, "event", body or b"")
            result = self._call(function, name, event)
            answer = json.dumps(result)  # a result that is no JSON fails here, as in the real runtime
            self._check_size(name, "result", answer)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - all that a handler raises is its answer
            error = _error_type(raised)
            answer = json.dumps(
                {
                    "errorMessage": str(raised),
                    "errorType": error,
                    "requestId": str(uuid.uuid4()),
                    "stackTrace": traceback.format_tb(raised.__traceback__)[-5:],
                }
            )
        finally:
            _own_environment.reset(token)
        seconds = time.monotonic() - started
        self.invocations.append(Invocation(name, event, seconds, error, float(function.timeout or 3)))
        return answer.encode(), error

    def _call(self, function: Any, name: str, event: Any) -> Any:
        handler = self._callables.get(name) or self._import(function.handler)
        context = Context(function)
        for hook in self._due(self._before, name):
            hook(event, context)
        result = handler(event, context)
        for hook in self._due(self._after, name):
            hook(event, context, result)
        return result

    def _import(self, handler: str) -> Handler:
        module, _, attribute = handler.rpartition(".")
        # Two threads importing one package by different modules can meet half-made ones.
        with self._lock:
            found: Handler = getattr(importlib.import_module(module), attribute)
            self._remember_modules()
        return found

    def _due(self, hooks: dict[str, list[_Hook]], name: str) -> list[Callable[..., None]]:
        with self._lock:
            return [hook.run for hook in hooks.get(name, ()) if hook.take()]

    def _check_size(self, name: str, what: str, payload: bytes | str) -> None:
        text = payload.decode() if isinstance(payload, bytes) else payload
        size, limit = limits.size_of(text), limits.ANSWER_LIMIT if name == "Api" else limits.PAYLOAD_LIMIT
        if size > limit:
            limits.report(f"{what} of function {name} has {size:,} bytes, the limit is {limit:,}")
            raise FunctionFault("Function.PayloadTooLarge", f"{what} of {size} bytes")


_running: LambdaRuntime | None = None

_when_imported: dict[str, list[tuple[Any, Any]]] = {}
"""By module: its containers, and a copy of what each held before any handler ran."""


@functools.cache
def _default_session() -> boto3.session.Session:
    """Cached for all tests: creating one takes 30 ms, and all have the keys that moto gives."""
    return boto3.session.Session()


def _raiser(error: Exception | str) -> Callable[..., None]:
    def play(*_: Any) -> None:
        raise FunctionFault(error) if isinstance(error, str) else error

    return play


def _error_type(error: BaseException) -> str:
    if isinstance(error, FunctionFault):
        return error.error_type
    return "Runtime.ExitError" if isinstance(error, SystemExit) else type(error).__name__


def _environment_of(function: Any) -> dict[str, str]:
    return {
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "_HANDLER": function.handler,
        **{key: str(value) for key, value in (function.environment_vars or {}).items()},
    }


@functools.cache
def _take_over_invoke() -> None:
    model: Any = importlib.import_module("moto.awslambda.models").LambdaFunction
    original = model.invoke

    def invoke(self: Any, body: Any, request_headers: Any, response_headers: Any) -> Any:
        if _running is None:
            return original(self, body, request_headers, response_headers)
        return _running.invoke(self, body, request_headers, response_headers)

    model.invoke = invoke


@functools.cache
def _make_clients_one_at_a_time() -> None:
    """boto3 sessions are not thread-safe (boto/boto3#1592). In Lambda each handler has a process, here a thread."""
    lock = threading.RLock()
    session: Any = boto3.session.Session

    def one_at_a_time(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def locked(*arguments: Any, **more: Any) -> Any:
            with lock:
                return method(*arguments, **more)

        return locked

    session.client = one_at_a_time(session.client)
    session.resource = one_at_a_time(session.resource)
    module: Any = boto3
    module._get_default_session = one_at_a_time(module._get_default_session)


@functools.cache
def _give_each_thread_its_request() -> None:
    """powertools keeps the request that an API answers in its routers and their class, for a process of Lambda answers
    one at a time. Here two that race are two threads, and each would see the request of whoever came last.
    """
    router: Any = BaseRouter
    own = threading.local()

    def of_this_thread(name: str, first: Callable[[], Any] | None = None) -> property:
        def get(_: Any) -> Any:
            if first and not hasattr(own, name):
                setattr(own, name, first())
            return getattr(own, name)

        return property(get, lambda _, value: setattr(own, name, value))

    request = {name: of_this_thread(name) for name in ("current_event", "lambda_context")}
    router.__class__ = type("PerThread", (type(router),), {})
    for name, of_thread in request.items():
        setattr(router, name, of_thread)  # what its routers read
        setattr(type(router), name, of_thread)  # what the class is told
    router.context = of_this_thread("context", dict)
