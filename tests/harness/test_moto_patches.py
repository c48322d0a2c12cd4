"""Each patch of moto, by what a state machine sees of it, and a check of which are still needed."""

import json
import subprocess
import sys
import threading
import time
from itertools import pairwise
from typing import Any

import boto3
import moto
import pytest
from botocore.exceptions import ClientError

from tests.harness import moto_patches
from tests.harness.engine import ROOT, Engine
from tests.harness.moto_patches import internals
from tests.harness.moto_patches.accelerators import ACCELERATORS, dynamodb
from tests.harness.moto_patches.defects import DEFECTS
from tests.harness.upstream_probe import winners_of_a_race

LAMBDA = "arn:aws:states:::lambda:invoke"
TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"
CHILD = "arn:aws:states:::states:startExecution.sync:2"
FLEET = ROOT / "tests/harness/toys/fleet.asl.yaml"


class ServerBusy(Exception):
    """A name that ASL catches."""


def machine(**states: Any) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}


def call(function: str, payload: Any = None, **more: Any) -> dict[str, Any]:
    arguments = {"FunctionName": function, "Payload": {} if payload is None else payload}
    return {"Type": "Task", "Resource": LAMBDA, "Arguments": arguments, "TimeoutSeconds": 30, **({"End": True} | more)}


def hand_out_token(function: str, **more: Any) -> dict[str, Any]:
    task = call(function, {"token": "{% $states.context.Task.Token %}"}, **more)
    return {**task, "Resource": TOKEN, "TimeoutSeconds": more.get("TimeoutSeconds", 3600)}


def test_moto_still_needs_every_patch_of_a_defect() -> None:
    probe = subprocess.run(
        [sys.executable, "-m", "tests.harness.upstream_probe"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    needed = set(json.loads(probe.stdout.splitlines()[-1]))
    corrected = {patch.name for patch in DEFECTS} - needed
    assert not corrected, f"moto {moto.__version__} no longer has {corrected}: delete those patches"


def test_every_patch_of_a_defect_says_in_which_version_of_moto_it_was_seen() -> None:
    assert all((patch.seen_in or "").startswith("moto ") for patch in DEFECTS)
    assert not any(patch.seen_in for patch in ACCELERATORS)


def test_installing_the_patches_twice_changes_nothing() -> None:
    moto_patches.install()
    before = internals.parser_module("asl.eval.environment").Environment.set_error
    moto_patches.install()
    assert internals.parser_module("asl.eval.environment").Environment.set_error is before


# --- make_conditional_writes_atomic


def test_of_two_conditional_writes_at_once_one_is_refused(engine: Engine) -> None:
    assert winners_of_a_race(engine.client("dynamodb")) == 1


def test_a_row_can_be_read_while_it_grows(engine: Engine) -> None:
    client, key = engine.client("dynamodb"), {"id": {"S": "row"}}
    client.create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="rows", Item=key | {f"a{number}": {"S": "x"} for number in range(200)})

    def grow() -> None:
        for number in range(40):
            client.update_item(
                TableName="rows",
                Key=key,
                UpdateExpression=f"SET b{number} = :x",
                ExpressionAttributeValues={":x": {"S": "x"}},
            )

    writer = threading.Thread(target=grow)
    patience = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns within an answer, as they seldom would
    try:
        writer.start()
        while writer.is_alive():
            assert len(client.get_item(TableName="rows", Key=key)["Item"]) > 200
        writer.join()
    finally:
        sys.setswitchinterval(patience)


# --- answer_dynamodb_directly


def test_dynamodb_answers_the_same_directly_as_the_long_way(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    client, table, row = engine.client("dynamodb"), "rows", {"id": {"S": "a"}, "at": {"N": "1"}}
    of_a = {"KeyConditionExpression": "id = :id", "ExpressionAttributeValues": {":id": {"S": "a"}}}
    rich = row | {"m": {"M": {"l": {"L": [{"NULL": True}, {"BOOL": False}]}}}, "s": {"SS": ["x"]}}
    count_up = {
        "UpdateExpression": "SET n = if_not_exists(n, :zero) + :one",
        "ExpressionAttributeValues": {":zero": {"N": "0"}, ":one": {"N": "1"}},
        "ReturnValues": "ALL_NEW",
    }
    new = {"ConditionExpression": "attribute_not_exists(id)"}
    fourth, fifth = ({"TableName": table, "Item": row | {"at": {"N": at}}} for at in ("4", "5"))
    requests: list[tuple[str, dict[str, Any]]] = [
        ("put_item", {"TableName": table, "Item": rich}),
        ("put_item", {"TableName": table, "Item": row, **new}),
        ("put_item", {"TableName": table, "Item": row | {"at": {"N": "3"}, "b": {"B": b"bytes"}}}),
        ("get_item", {"TableName": table, "Key": row, "ConsistentRead": True}),
        ("get_item", {"TableName": table, "Key": row | {"at": {"N": "9"}}}),
        ("get_item", {"TableName": table, "Key": row | {"at": {"N": "3"}}}),
        ("update_item", {"TableName": table, "Key": row | {"at": {"N": "2"}}, **count_up}),
        ("query", {"TableName": table, "Limit": 2, **of_a}),
        ("query", {"TableName": table, "ScanIndexForward": False, "Select": "COUNT", **of_a}),
        ("scan", {"TableName": table, "FilterExpression": "attribute_exists(m)"}),
        ("scan", {"TableName": table, "FilterExpression": "attribute_exists("}),
        ("delete_item", {"TableName": table, "Key": row | {"at": {"N": "3"}}, "ReturnValues": "ALL_OLD"}),
        ("transact_write_items", {"TransactItems": [{"Put": fourth}, {"Put": fifth}]}),
        ("transact_write_items", {"TransactItems": [{"Put": fourth | new}, {"Put": fifth}]}),
        ("batch_get_item", {"RequestItems": {table: {"Keys": [row, row | {"at": {"N": "8"}}]}}}),
        ("batch_write_item", {"RequestItems": {table: [{"DeleteRequest": {"Key": row}}]}}),
        ("query", {"TableName": table, **of_a}),
    ]

    def answers() -> list[Any]:
        client.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "at", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        told = [answer(name, parameters) for name, parameters in requests]
        client.delete_table(TableName=table)
        return told

    def answer(name: str, parameters: dict[str, Any]) -> Any:
        try:
            told = getattr(client, name)(**parameters)
        except ClientError as error:
            told = error.response
        return {key: value for key, value in told.items() if key != "ResponseMetadata"}

    directly = answers()
    assert sum("Error" in told for told in directly) == 3
    monkeypatch.setattr(dynamodb, "ROW_OPERATIONS", set())
    assert answers() == directly


# --- evaluate_jsonata


def test_a_map_with_variables_choices_waits_retries_and_catches_runs_as_on_aws(engine: Engine) -> None:
    attempts: dict[str, int] = {}

    def recover(event: dict[str, Any], context: Any) -> dict[str, Any]:
        server = event["server"]
        attempts[server] = attempts.get(server, 0) + 1
        if server == "busy" and attempts[server] < 3:
            raise ServerBusy(f"{server} is in a job")
        if server == "broken":
            raise ValueError("no such server")
        return {"server": server, "done": server != "slow", "waitSeconds": 30}

    engine.create_function("recover", recover)
    fleet = engine.create_machine("fleet", FLEET, {"RecoverFunction": "recover"})
    execution = engine.run(fleet, {"mode": "DRILL", "servers": ["quick", "slow", "busy", "broken"]})

    assert execution.status == "SUCCEEDED", execution
    assert execution.output == {
        "recovered": 3,
        "note": 'a "quoted" note',
        "servers": [
            {"server": "quick", "mode": "DRILL", "ok": True},
            {"server": "slow", "mode": "DRILL", "ok": True},
            {"server": "busy", "mode": "DRILL", "ok": True},
            {"ok": False, "reason": "ValueError"},
        ],
    }
    assert attempts["busy"] == 3
    assert execution.states_entered().count("WaitForServer") == 1


def test_strings_with_quotes_and_nulls_pass_through_variables_unharmed(engine: Engine) -> None:
    text = "she said \"no\" \\ \n 'é' 🙂"
    tell = machine(
        Keep={"Type": "Pass", "Assign": {"kept": "{% $states.input %}"}, "Next": "Tell"},
        Tell={"Type": "Pass", "Output": {"same": "{% $kept %}", "half": "{% $kept.n / 2 %}", "é": "🙂"}, "End": True},
    )
    kept: dict[str, Any] = {"text": text, "nothing": None, "n": 4, "empty": []}
    execution = engine.run(engine.create_machine("tell", tell), kept)
    assert execution.output == {"same": kept, "half": 2, "é": "🙂"}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$range(0, 10, 5)", [0, 5, 10]),
        ("$parse('{\"a\": [1]}').a", [1]),
        ("$hash('a', 'SHA-256')", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("$length($uuid())", 36),
        ("$random() < 1", True),
    ],
)
def test_the_functions_step_functions_adds_to_jsonata_are_there(engine: Engine, expression: str, result: Any) -> None:
    arn = engine.create_machine("add", machine(P={"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}))
    execution = engine.run(arn)
    assert execution.output == result, execution


def test_an_undefined_result_fails_with_the_name_aws_gives_it_and_can_be_caught(engine: Engine) -> None:
    engine.create_function("any", lambda event, context: {})
    states = {
        "Ask": call(
            "any",
            "{% $states.input.nowhere %}",
            Catch=[{"ErrorEquals": ["States.QueryEvaluationError"], "Output": "caught", "Next": "Done"}],
        ),
        "Done": {"Type": "Succeed"},
    }
    assert engine.run(engine.create_machine("caught", machine(**states))).output == "caught"
    plain = engine.run(
        engine.create_machine("plain", machine(P={"Type": "Pass", "Output": "{% $states.input.x %}", "End": True}))
    )
    assert (plain.status, plain.error) == ("FAILED", "States.QueryEvaluationError")


# --- normalise_parameters


def test_a_child_is_given_an_object_and_its_output_comes_back_as_one(engine: Engine) -> None:
    child = engine.create_machine(
        "child", machine(P={"Type": "Pass", "Output": {"doubled": "{% $states.input.n * 2 %}"}, "End": True})
    )
    parent = machine(
        Start={
            "Type": "Task",
            "Resource": CHILD,
            "Arguments": {"StateMachineArn": child, "Input": {"n": 21}, "Name": "{% $states.input.name %}"},
            "TimeoutSeconds": 60,
            "Output": "{% $states.result.Output.doubled %}",
            "End": True,
        }
    )
    execution = engine.run(engine.create_machine("parent", parent), {"name": "run-1"})
    assert execution.output == 42, execution
    assert [one.name for one in engine.executions("child")] == ["run-1"]


def test_a_failing_child_fails_its_parent_with_its_own_error_in_the_cause(engine: Engine) -> None:
    child = engine.create_machine("child", machine(F={"Type": "Fail", "Error": "NotReady", "Cause": "because"}))
    start = {"Type": "Task", "Resource": CHILD, "Arguments": {"StateMachineArn": child}, "TimeoutSeconds": 60}
    reason = "{% $parse($states.errorOutput.Cause).Error %}"
    handle = {"ErrorEquals": ["States.TaskFailed"], "Output": reason, "Next": "Done"}
    parent = machine(Start={**start, "Catch": [handle], "Next": "Done"}, Done={"Type": "Succeed"})
    execution = engine.run(engine.create_machine("parent", parent))
    assert execution.output == "NotReady", execution


def test_an_sdk_task_takes_and_gives_the_casing_of_asl(engine: Engine) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:lambda:listFunctions",
        "Arguments": {"MaxItems": 5},
        "TimeoutSeconds": 10,
        "Output": "{% $states.result.Functions.FunctionName %}",
        "End": True,
    }
    engine.create_function("one", lambda event, context: None)
    assert engine.run(engine.create_machine("sdk", machine(List=state))).output == "one"


# --- use_clients_of_the_role


def test_a_task_acts_in_the_account_of_the_role_it_is_given(engine: Engine) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sts:getCallerIdentity",
        "Arguments": {},
        "Credentials": {"RoleArn": "arn:aws:iam::222222222222:role/target"},
        "TimeoutSeconds": 10,
        "Output": "{% $states.result.Account %}",
        "End": True,
    }
    assert engine.run(engine.create_machine("who", machine(Who=state))).output == "222222222222"


# --- scale_time


def test_a_wait_of_half_a_minute_takes_half_a_second(engine: Engine) -> None:
    arn = engine.create_machine("wait", machine(W={"Type": "Wait", "Seconds": 30, "End": True}))
    begun = time.monotonic()
    assert engine.run(arn).status == "SUCCEEDED"
    assert 0.5 <= time.monotonic() - begun < 30


def test_retries_back_off_in_scaled_time_by_our_exceptions_name() -> None:
    wanted = (0.10, 0.20, 0.25)
    for _ in range(5):  # on a busy machine a thread may wake up late, but not in each of five tries
        gaps = gaps_between_retries()
        assert all(wait <= gap for gap, wait in zip(gaps, wanted, strict=True)), gaps
        if all(gap < wait + 0.15 for gap, wait in zip(gaps, wanted, strict=True)):
            return
    raise AssertionError(f"the retries wait for too long: {gaps}")


def gaps_between_retries() -> list[float]:
    """Seconds between the attempts at a task whose retry waits for 10, 20 and 25 s, at 100 times real time."""
    calls: list[float] = []

    def busy(event: Any, context: Any) -> str:
        calls.append(time.monotonic())
        if len(calls) < 4:
            raise ServerBusy("try later")
        return "done"

    retry = [
        {"ErrorEquals": ["Other"], "MaxAttempts": 0},
        {"ErrorEquals": ["ServerBusy"], "IntervalSeconds": 10, "MaxAttempts": 3, "MaxDelaySeconds": 25},
    ]
    with Engine(speed=100) as engine:
        engine.create_function("busy", busy)
        task = call("busy", Retry=retry, Output="{% $states.result.Payload %}")
        execution = engine.run(engine.create_machine("retry", machine(T=task)))
    assert execution.output == "done", execution
    return [later - sooner for sooner, later in pairwise(calls)]


def test_a_token_wait_times_out_in_scaled_time(engine: Engine) -> None:
    engine.create_function("hand", lambda event, context: None)
    task = hand_out_token(
        "hand", TimeoutSeconds=30, Catch=[{"ErrorEquals": ["States.Timeout"], "Output": "late", "Next": "Done"}]
    )
    task.pop("End")
    begun = time.monotonic()
    execution = engine.run(engine.create_machine("late", machine(T={**task, "Next": "Done"}, Done={"Type": "Succeed"})))
    assert execution.output == "late", execution
    assert 0.5 <= time.monotonic() - begun < 30


def test_a_lambda_has_its_timeout_in_real_time_unless_told_otherwise() -> None:
    def nap(event: Any, context: Any) -> None:
        time.sleep(0.3)

    for task_speed, status in ((1.0, "SUCCEEDED"), (300.0, "FAILED")):
        with Engine(speed=600, task_speed=task_speed) as engine:
            engine.create_function("nap", nap)
            execution = engine.run(engine.create_machine("nap", machine(T=call("nap"))))
            assert execution.status == status
    assert execution.error == "States.Timeout"


def test_a_machine_times_out_in_scaled_time_whatever_it_waits_for(engine: Engine) -> None:
    definition = machine(W={"Type": "Wait", "Seconds": 3600, "End": True})
    execution = engine.run(engine.create_machine("limited", {**definition, "TimeoutSeconds": 12}), timeout=60)
    assert execution.status == "TIMED_OUT"
    assert execution.history[-1]["type"] == "ExecutionTimedOut"


# --- name_executions


def test_an_execution_without_a_name_gets_one(engine: Engine) -> None:
    arn = engine.create_machine("unnamed", machine(P={"Type": "Pass", "End": True}))
    names = {engine.run(arn).name for _ in range(2)}
    assert len(names) == 2
    assert "None" not in names


def test_an_illegal_name_is_refused_and_breaks_a_rule() -> None:
    with Engine(enforce=False) as engine:
        arn = engine.create_machine("named", machine(P={"Type": "Pass", "End": True}))
        for name in ("a b", "x" * 81, "plan#1"):
            with pytest.raises(ClientError, match="InvalidName"):
                engine.start(arn, name=name)
        assert len(engine.broken_rules) == 3


# --- start_with_an_environment, honour_task_tokens


def answer(token: str, output: Any = None) -> None:
    client = internals.client("stepfunctions", "eu-central-1")
    client.send_task_success(taskToken=token, output=json.dumps(output))


def test_a_token_answered_from_inside_the_lambda_that_was_handed_it_is_not_lost(engine: Engine) -> None:
    def answer_at_once(event: dict[str, Any], context: Any) -> str:
        answer(event["token"], {"released": True})
        return "the result of the function, which nobody sees"

    engine.create_function("at-once", answer_at_once)
    for number, more in enumerate(({}, {"HeartbeatSeconds": 600})):
        arn = engine.create_machine(f"at-once-{number}", machine(T=hand_out_token("at-once", **more)))
        executions = [engine.start(arn) for _ in range(5)]
        assert [one.wait().output for one in executions] == [{"released": True}] * 5


def test_a_token_is_answered_by_a_later_lambda(engine: Engine) -> None:
    desk: list[str] = []
    engine.create_function("keep", lambda event, context: desk.append(event["token"]))
    engine.create_function("release", lambda event, context: answer(desk.pop(), event))
    execution = engine.start(engine.create_machine("held", machine(T=hand_out_token("keep"))))
    while not desk:
        time.sleep(0.01)
    time.sleep(0.05)
    assert execution.status == "RUNNING"
    engine.client("lambda").invoke(FunctionName="release", Payload=json.dumps({"by": "operator"}))
    assert execution.wait().output == {"by": "operator"}


def test_a_token_can_be_answered_in_the_first_moment_of_any_other_execution(engine: Engine) -> None:
    tokens: list[str] = []
    engine.create_function("keep", lambda event, context: tokens.append(event["token"]))
    held = engine.create_machine("held", machine(T=hand_out_token("keep")))
    other = engine.create_machine("other", machine(P={"Type": "Pass", "End": True}))
    executions = [engine.start(held) for _ in range(10)]
    while len(tokens) < 10:
        time.sleep(0.01)
    for token in tokens:
        engine.start(other)
        answer(token)
    assert {one.wait().status for one in executions} == {"SUCCEEDED"}


def test_a_token_is_answered_once_and_not_after_its_task_is_over(engine: Engine) -> None:
    tokens: list[str] = []
    engine.create_function("keep", lambda event, context: tokens.append(event["token"]))
    held = engine.create_machine("held", machine(T=hand_out_token("keep", TimeoutSeconds=30)))
    late = engine.run(held)
    assert late.error == "States.Timeout"
    twice = engine.start(held)
    while len(tokens) < 2:
        time.sleep(0.01)
    answer(tokens[1])
    for token in tokens:
        with pytest.raises(ClientError, match="TaskTimedOut"):
            answer(token)
    with pytest.raises(ClientError, match="InvalidToken"):
        answer("no such token")
    assert twice.wait().status == "SUCCEEDED"


def test_each_attempt_at_a_task_has_its_own_token(engine: Engine) -> None:
    tokens: list[str] = []
    engine.create_function("keep", lambda event, context: tokens.append(event["token"]))
    retry = [{"ErrorEquals": ["Refused"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    execution = engine.start(engine.create_machine("twice", machine(T=hand_out_token("keep", Retry=retry))))
    for expected in (1, 2):
        while len(tokens) < expected:
            time.sleep(0.01)
        if expected == 1:
            engine.client("stepfunctions").send_task_failure(taskToken=tokens[0], error="Refused", cause="not yet")
    assert tokens[0] != tokens[1]
    assert execution.status == "RUNNING"
    answer(tokens[1], "approved")
    assert execution.wait().output == "approved"


def test_the_cause_of_a_refusal_arrives(engine: Engine) -> None:
    def refuse(event: dict[str, Any], context: Any) -> None:
        boto3.client("stepfunctions").send_task_failure(taskToken=event["token"], error="Refused", cause="by Ann")

    engine.create_function("refuse", refuse)
    execution = engine.run(engine.create_machine("refused", machine(T=hand_out_token("refuse"))))
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "Refused", "by Ann")


# --- stop_at_once


def always_busy(event: Any, context: Any) -> None:
    raise ServerBusy("try later")


def waiting_in(engine: Engine, kind: str) -> dict[str, Any]:
    engine.create_function("keep", lambda event, context: None)
    engine.create_function("busy", always_busy)
    token = hand_out_token("keep")
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3600, "MaxAttempts": 9}]
    inner = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Held", "States": {"Held": token}}
    caught = {**token, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Held2"}]}
    return {
        "token": machine(Held=token),
        "caught token": machine(Held=caught, Held2={"Type": "Succeed"}),
        "wait": machine(Held={"Type": "Wait", "Seconds": 86400, "End": True}),
        "retry": machine(Held=call("busy", Retry=retry)),
        "map": machine(M={"Type": "Map", "Items": [1, 2, 3], "ItemProcessor": inner, "End": True}),
    }[kind]


@pytest.mark.parametrize("kind", ["token", "caught token", "wait", "retry", "map"])
def test_a_stopped_execution_is_aborted_at_once_and_stays_so(engine: Engine, kind: str) -> None:
    arn = engine.create_machine("held", waiting_in(engine, kind))
    execution = engine.start(arn, name="to-stop").wait_for_state("Held")
    time.sleep(0.05)
    engine.client("stepfunctions").stop_execution(executionArn=execution.arn, error="Cancelled", cause="by Ann")
    described = engine.client("stepfunctions").describe_execution(executionArn=execution.arn)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Cancelled", "by Ann")
    assert "stopDate" in described
    assert not internals.join_threads(60), "its threads end too"
    assert execution.status == "ABORTED"
    assert execution.history[-1]["type"] == "ExecutionAborted"


def test_stopping_a_parent_stops_the_child_it_waits_for(engine: Engine) -> None:
    child = engine.create_machine("child", machine(W={"Type": "Wait", "Seconds": 86400, "End": True}))
    start = {"Type": "Task", "Resource": CHILD, "Arguments": {"StateMachineArn": child}, "TimeoutSeconds": 86400}
    parent = engine.start(engine.create_machine("parent", machine(Start={**start, "End": True})))
    while not engine.executions("child"):
        time.sleep(0.01)
    parent.stop()
    assert engine.executions("child")[0].wait().status == "ABORTED"
    assert parent.status == "ABORTED"


# --- the others


def test_what_fails_in_a_map_keeps_its_states_error_outside(engine: Engine) -> None:
    engine.create_function("keep", lambda event, context: None)
    inner = {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "Held",
        "States": {"Held": hand_out_token("keep", TimeoutSeconds=6)},
    }
    execution = engine.run(
        engine.create_machine("map", machine(M={"Type": "Map", "Items": [1], "ItemProcessor": inner, "End": True}))
    )
    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")


def test_threads_do_not_pile_up(engine: Engine) -> None:
    arn = engine.create_machine("pass", machine(P={"Type": "Pass", "End": True}))
    before = threading.active_count()
    for _ in range(20):
        engine.run(arn)
    assert not internals.join_threads(60)
    assert threading.active_count() <= before + 1
