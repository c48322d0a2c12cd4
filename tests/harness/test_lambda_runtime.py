"""Handlers in this process: their errors, environment, hooks and durations."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.engine import Engine
from tests.harness.lambda_runtime import Environment, FunctionFault

TOYS = Path(__file__).parent / "toys"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(code_root=TOYS, environment={"GREETING": "hello"}) as running:
        yield running


def invoke(engine: Engine, function: str, event: Any = None) -> Any:
    answer = engine.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event or {}))
    payload = json.loads(answer["Payload"].read())
    return (answer["FunctionError"], payload) if "FunctionError" in answer else payload


def test_a_handler_is_imported_by_its_path_and_sees_the_environment_of_its_function(engine: Engine) -> None:
    engine.create_function("first", "handlers.greet")
    engine.create_function("second", "handlers.greet", {"GREETING": "good evening"})
    assert invoke(engine, "first") == {"greeting": "hello", "name": "first", "of": "first"}
    assert invoke(engine, "second") == {"greeting": "good evening", "name": "second", "of": "second"}
    assert "GREETING" not in os.environ


def test_functions_share_module_state_until_the_next_cold_start(engine: Engine) -> None:
    engine.create_function("first", "handlers.settled")
    engine.create_function("second", "handlers.settled", {"GREETING": "good evening"})
    assert [invoke(engine, "first"), invoke(engine, "second")] == ["hello", "hello"]
    engine.runtime.cold_start()
    assert invoke(engine, "second") == "good evening"


def test_each_engine_is_a_cold_start() -> None:
    for greeting in ("one", "two"):
        with Engine(code_root=TOYS, environment={"GREETING": greeting}) as engine:
            engine.create_function("f", "handlers.settled")
            engine.create_function("g", "handlers.remember")
            assert invoke(engine, "f") == greeting
            assert invoke(engine, "g", {"name": "a"}) == ["first", "a"]
            assert invoke(engine, "g", {"name": "b"}) == ["first", "a", "b"]


def test_what_a_function_sets_in_its_environment_stays_its_own(engine: Engine) -> None:
    def meddle(event: Any, context: Any) -> list[str]:
        os.environ["MEDDLED"] = "yes"
        del os.environ["GREETING"]
        return sorted(key for key in os.environ if key in ("MEDDLED", "GREETING", "AWS_REGION"))

    engine.create_function("meddle", meddle)
    assert invoke(engine, "meddle") == ["AWS_REGION", "MEDDLED"]
    assert "MEDDLED" not in os.environ


def test_the_process_gets_its_own_environment_back() -> None:
    with Engine(code_root=TOYS):
        assert isinstance(os.environ, Environment)
    assert not isinstance(os.environ, Environment)


def test_an_exception_arrives_under_its_class_name(engine: Engine) -> None:
    engine.create_function("busy", "handlers.busy")
    kind, error = invoke(engine, "busy", {"server": "s-1"})
    assert kind == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ServerBusy", "s-1 is in a job")


def test_payloads_pass_through_json_both_ways(engine: Engine) -> None:
    seen: list[Any] = []

    def keys(event: Any, context: Any) -> Any:
        seen.append(event)
        return {1: (2, 3)}

    engine.create_function("keys", keys)
    assert invoke(engine, "keys", {"a": [None]}) == {"1": [2, 3]}
    assert seen == [{"a": [None]}]
    engine.create_function("set", lambda event, context: {1, 2})
    assert invoke(engine, "set")[1]["errorType"] == "TypeError", "as the real runtime: not serializable"


def test_a_function_can_be_killed_before_it_works(engine: Engine) -> None:
    worked: list[str] = []
    engine.create_function("start", lambda event, context: worked.append("yes"))
    engine.runtime.fail("start", "Sandbox.Timedout", times=2)
    assert [invoke(engine, "start")[1]["errorType"] for _ in range(2)] == ["Sandbox.Timedout"] * 2
    assert worked == []
    assert invoke(engine, "start") is None
    assert worked == ["yes"]


def test_a_function_can_be_killed_between_its_work_and_its_answer(engine: Engine) -> None:
    worked: list[str] = []
    engine.create_function("start", lambda event, context: worked.append("yes"))
    engine.runtime.lose_answer("start")
    assert invoke(engine, "start")[1]["errorType"] == "Runtime.ExitError"
    assert worked == ["yes"]
    assert invoke(engine, "start") is None


def test_hooks_see_what_goes_in_and_out_and_may_raise_what_they_like(engine: Engine) -> None:
    seen: list[Any] = []

    def refuse_b(event: dict[str, Any], context: Any) -> None:
        if event["server"] == "b":
            raise FunctionFault("Lambda.TooManyRequestsException")

    engine.create_function("start", lambda event, context: event["server"].upper())
    engine.runtime.before("start", refuse_b)
    engine.runtime.after("start", lambda event, context, result: seen.append((context.function_name, result)))
    assert invoke(engine, "start", {"server": "a"}) == "A"
    assert invoke(engine, "start", {"server": "b"})[1]["errorType"] == "Lambda.TooManyRequestsException"
    assert seen == [("start", "A")]
    engine.runtime.clear_hooks()
    assert invoke(engine, "start", {"server": "b"}) == "B"


def test_functions_beyond_a_limit_are_refused_as_lambda_refuses_them(engine: Engine) -> None:
    running, go = threading.Event(), threading.Event()

    def busy(event: Any, context: Any) -> str:
        running.set()
        go.wait(10)
        return "done"

    for name, handler in (
        ("busy", busy),
        ("other", lambda event, context: "ran"),
        ("free", lambda event, context: "ran"),
    ):
        engine.create_function(name, handler)
    engine.runtime.limit_concurrency(1, exempt=["free"])
    first = threading.Thread(target=invoke, args=(engine, "busy"))
    first.start()
    assert running.wait(10)
    assert invoke(engine, "other")[1]["errorType"] == "Lambda.TooManyRequestsException"
    assert invoke(engine, "free") == "ran"
    go.set()
    first.join()
    assert invoke(engine, "other") == "ran"
    engine.runtime.limit_concurrency(0)
    assert invoke(engine, "other")[1]["errorType"] == "Lambda.TooManyRequestsException"
    engine.runtime.limit_concurrency(None)
    assert invoke(engine, "other") == "ran"
    assert engine.runtime.refused == 2


def test_durations_and_errors_are_on_record(engine: Engine) -> None:
    engine.create_function("nap", lambda event, context: time.sleep(event["seconds"]), timeout=20)
    for seconds in (0.01, 0.1):
        invoke(engine, "nap", {"seconds": seconds})
    longest = engine.runtime.longest("nap")
    assert longest.event == {"seconds": 0.1}
    assert 0.1 <= longest.seconds < 20
    assert not longest.ran_over
    assert [run.error for run in engine.runtime.invocations] == [None, None]


def test_the_context_counts_down_the_functions_time(engine: Engine) -> None:
    engine.create_function("left", lambda event, context: context.get_remaining_time_in_millis(), timeout=70)
    assert 10_000 < invoke(engine, "left") <= 70_000


def test_an_asynchronous_invocation_returns_at_once_and_is_waited_for(engine: Engine) -> None:
    done: list[bool] = []

    def slow(event: Any, context: Any) -> None:
        time.sleep(0.2)
        done.append(True)

    engine.create_function("slow", slow)
    answer = engine.client("lambda").invoke(FunctionName="slow", InvocationType="Event", Payload="{}")
    assert (answer["StatusCode"], done) == (202, [])
    engine.settle()
    assert done == [True]
