"""The Engine itself: what it accepts, what it reports, and that it leaves nothing behind."""

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest

from tests.harness.engine import Engine
from tests.harness.moto_patches import internals


def machine(**states: Any) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}


def call(function: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "TimeoutSeconds": 30,
        "Output": "{% $states.result.Payload %}",
        "End": True,
        **more,
    }


class Drs(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"items": [{"jobID": "drsjob-1"}]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def drs() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Drs) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_handler_reaches_an_emulator_over_http_by_its_environment_alone(drs: str) -> None:
    def describe_jobs(event: Any, context: Any) -> str:
        found: str = boto3.client("drs").describe_jobs()["items"][0]["jobID"]
        return found

    with Engine(environment={"AWS_ENDPOINT_URL_DRS": drs}) as engine:
        engine.create_function("describe", describe_jobs)
        execution = engine.run(engine.create_machine("m", machine(T=call("describe"))))
        assert execution.output == "drsjob-1", execution
        assert "AWS_ENDPOINT_URL_DRS" not in os.environ


def test_the_network_beyond_this_machine_is_not_reached_by_boto3(engine: Engine) -> None:
    assert engine.client("sts").get_caller_identity()["Account"] == engine.account


def test_a_machine_aws_would_refuse_is_not_created(engine: Engine) -> None:
    with pytest.raises(AssertionError, match="bad:\n  P: leads to 'Nowhere'"):
        engine.create_machine("bad", machine(P={"Type": "Pass", "Next": "Nowhere"}))


def test_machines_that_start_each_other_can_be_created_in_any_order(engine: Engine) -> None:
    child = engine.machine_arn("child")
    start = call(
        "unused", Resource="arn:aws:states:::states:startExecution.sync:2", Output="{% $states.result.Output %}"
    )
    start["Arguments"] = {"StateMachineArn": child, "Input": {"n": 1}}
    parent = engine.create_machine("parent", machine(S=start))
    assert engine.create_machine("child", machine(P={"Type": "Pass", "End": True})) == child
    assert engine.run(parent).output == {"n": 1}
    assert [one.status for one in engine.executions()] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_child_started_and_not_waited_for_runs_on_its_own(engine: Engine) -> None:
    child = engine.create_machine("child", machine(P={"Type": "Pass", "End": True}))
    start = call(
        "unused", Resource="arn:aws:states:::states:startExecution", Output="{% $states.result.ExecutionArn %}"
    )
    start["Arguments"] = {"StateMachineArn": child, "Input": {"n": 1}}
    execution = engine.run(engine.create_machine("parent", machine(S=start)))
    assert engine.execution(execution.output).wait().output == {"n": 1}


def test_an_execution_that_takes_too_long_says_where_it_is(engine: Engine) -> None:
    arn = engine.create_machine("slow", machine(Held={"Type": "Wait", "Seconds": 3600, "End": True}))
    with pytest.raises(TimeoutError, match=r"last states: \['Held'\]"):
        engine.run(arn, timeout=0.1)


def test_an_execution_that_ends_badly_is_told_to_a_function_as_eventbridge_would(engine: Engine) -> None:
    events: list[dict[str, Any]] = []
    engine.create_function("close", lambda event, context: events.append(event))
    engine.on_execution_end("close")
    good = engine.create_machine("good", machine(P={"Type": "Pass", "End": True}))
    held = engine.create_machine("held", machine(Held={"Type": "Wait", "Seconds": 3600, "End": True}))
    engine.run(good)
    execution = engine.start(held, {"plan": 1}, name="run-1").wait_for_state("Held").stop("Cancelled", "by Ann")
    engine.settle()
    [event] = events
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert event["detail"]["executionArn"] == execution.arn
    assert (event["detail"]["name"], event["detail"]["status"]) == ("run-1", "ABORTED")
    assert event["detail"]["input"] == '{"plan": 1}'


def test_leaving_ends_running_executions_and_their_threads() -> None:
    before = set(threading.enumerate())
    with Engine() as engine:
        engine.create_function("keep", lambda event, context: None)
        token = call("keep", Resource="arn:aws:states:::lambda:invoke.waitForTaskToken", TimeoutSeconds=9999)
        token["Arguments"]["Payload"] = "{% $states.context.Task.Token %}"
        token.pop("Output")
        inner = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Held", "States": {"Held": token}}
        waiting = machine(M={"Type": "Map", "Items": [1, 2, 3], "ItemProcessor": inner, "End": True})
        execution = engine.start(engine.create_machine("held", waiting)).wait_for_state("Held")
    assert execution.status == "ABORTED"
    time.sleep(0.05)
    assert set(threading.enumerate()) - before == set()


def test_leaving_tells_of_a_handler_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(internals, "join_threads", lambda seconds: [threading.Thread(name="stuck")])
    with pytest.raises(RuntimeError, match="threads outlive the test: \\['stuck'\\]"), Engine():
        release.set()


def test_one_world_knows_nothing_of_another() -> None:
    for _ in range(2):
        with Engine() as engine:
            assert engine.executions() == []
            engine.run(engine.create_machine("m", machine(P={"Type": "Pass", "End": True})), name="same")


def test_a_lambda_runs_a_few_hundred_times_a_second(engine: Engine) -> None:
    engine.create_function("count", lambda event, context: {"n": event["n"] + 1})
    again = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.n < 100 %}", "Next": "T"}],
        "Default": "Done",
    }
    task = call("count", Next="Again")
    del task["End"]
    arn = engine.create_machine("loop", machine(T=task, Again=again, Done={"Type": "Succeed"}))
    begun = time.process_time()
    execution = engine.run(arn, {"n": 0})
    rate = len(execution.states_entered()) / (time.process_time() - begun)
    assert rate > 50, f"{rate:.0f} states a second of CPU; 500 on an idle machine"
