"""Patches of Lambda: names of exceptions, logs."""

import base64
import json

import pytest

from tests.support.ministack import (
    MiniStack,
    assert_quicker,
)


def test_an_exception_keeps_its_class_name(patched: MiniStack, unpatched: MiniStack) -> None:
    assert patched.invoke({"raise": True})["errorType"] == "CircuitOpen"
    assert unpatched.invoke({"raise": True})["errorType"] == "Runtime.HandlerError"


def test_an_exception_is_reported_as_a_failure_with_its_message(patched: MiniStack) -> None:
    reply = patched.client("lambda").invoke(FunctionName=patched.outputs["Toy"], Payload='{"raise": true}')
    assert reply["FunctionError"] == "Unhandled"
    assert json.loads(reply["Payload"].read())["errorMessage"] == "not now"


@pytest.mark.parametrize(("engine_name", "survives"), [("patched", True), ("unpatched", False)])
def test_an_exception_leaves_the_environment_warm(
    engine_name: str, survives: bool, request: pytest.FixtureRequest
) -> None:
    engine: MiniStack = request.getfixturevalue(engine_name)
    before = engine.invoke({})["pid"]
    engine.invoke({"raise": True})
    assert (engine.invoke({})["pid"] == before) is survives


def test_the_log_of_an_invocation_is_whole_and_nobody_waits_for_more(patched: MiniStack, unpatched: MiniStack) -> None:
    text = "\n".join(f"line {number}" for number in range(200))
    invoke = patched.client("lambda").invoke
    for _ in range(5):
        reply = invoke(FunctionName=patched.outputs["Toy"], LogType="Tail", Payload=json.dumps({"print": text}))
        told = base64.b64decode(reply["LogResult"]).decode()
        assert text[-1_000:] in told
        silent = invoke(FunctionName=patched.outputs["Toy"], LogType="Tail", Payload="{}")
        assert "line" not in base64.b64decode(silent.get("LogResult", "")).decode()
    assert_quicker(lambda: patched.invoke({}), lambda: unpatched.invoke({}))
