"""Limits that AWS applies at run time. An execution that exceeds one fails its test."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness import limits
from tests.harness.engine import Engine
from tests.harness.limits import AwsRuleBroken

ALMOST = limits.PAYLOAD_LIMIT


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


PASS = {"Type": "Pass", "End": True}


def test_size_is_counted_in_bytes_of_compact_json() -> None:
    assert limits.size_of({"é": [1, 2]}) == len('{"é":[1,2]}'.encode())
    assert limits.size_of("x" * 300_000) == 300_000
    assert limits.size_of('{"a": "' + "\\u00e9" * 60_000 + '"}') == 120_000 + len('{"a":""}')


def test_input_of_exactly_the_limit_is_let_through_and_a_byte_more_is_not() -> None:
    with Engine(enforce=False) as engine:
        arn = engine.create_machine("pass", machine(P=PASS))
        assert engine.run(arn, "é" * ((ALMOST - 2) // 2)).status == "SUCCEEDED"
        assert engine.broken_rules == []
        with pytest.raises(ClientError, match="InvalidExecutionInput"):
            engine.run(arn, "x" * (ALMOST - 1))
        assert "input is over 262,144 bytes" in engine.broken_rules[0]


def test_output_over_the_limit_fails_the_state_and_is_a_broken_rule() -> None:
    grow = {"Type": "Pass", "Output": "{% $join([1..300].($pad('', 1000, 'x'))) %}", "Next": "Next"}
    with Engine(enforce=False) as engine:
        execution = engine.run(engine.create_machine("big", machine(Grow=grow, Next=PASS)), name="big")
        assert execution.error == "States.DataLimitExceeded"
        [broken] = engine.broken_rules
        assert broken.startswith("execution big: output of Grow has 300,002 bytes, the limit is 262,144")


def test_arguments_over_the_limit_are_a_broken_rule() -> None:
    payload = "{% $states.input & $states.input %}"
    with Engine(enforce=False) as engine:
        engine.create_function("any", lambda event, context: None)
        task = call("any", Arguments={"FunctionName": "any", "Payload": payload})
        engine.run(engine.create_machine("m", machine(T=task)), "x" * 200_000, name="big")
        assert "execution big: parameters of invoke has 400,0" in engine.broken_rules[0]


def break_a_rule() -> None:
    with Engine(history_limit=5) as engine:
        engine.run(engine.create_machine("m", machine(A={"Type": "Pass", "Next": "B"}, B=PASS)), name="long")


def test_a_broken_rule_fails_the_test_when_it_leaves_the_engine() -> None:
    with pytest.raises(AwsRuleBroken, match="execution long: history reached 5 events"):
        break_a_rule()


def test_a_function_that_is_given_or_gives_too_much_fails() -> None:
    with Engine(enforce=False) as engine:
        engine.create_function("grow", lambda event, context: "x" * ALMOST)
        handled = [{"ErrorEquals": ["States.ALL"], "Next": "Done", "Output": "{% $states.errorOutput.Error %}"}]
        task = call("grow", Catch=handled, Next="Done")
        del task["End"]
        execution = engine.run(engine.create_machine("m", machine(T=task, Done={"Type": "Succeed"})))
        assert execution.output == "Function.PayloadTooLarge"
        assert engine.broken_rules == ["result of function grow has 262,146 bytes, the limit is 262,144"]


def test_a_history_that_grows_too_long_ends_the_execution() -> None:
    again = {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "Again"}], "Default": "Done"}
    with Engine(history_limit=200, enforce=False) as engine:
        arn = engine.create_machine("loop", machine(Again=again, Done={"Type": "Succeed"}))
        execution = engine.run(arn, name="loop", timeout=60)
        assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
        assert len(execution.history) == 200
        assert execution.history[-1]["type"] == "ExecutionFailed"
        assert engine.broken_rules == ["execution loop: history reached 200 events (States.Runtime)"]


def choice(condition: str) -> dict[str, Any]:
    ask = {"Type": "Choice", "Choices": [{"Condition": f"{{% {condition} %}}", "Next": "Yes"}], "Default": "No"}
    return machine(Ask=ask, Yes={"Type": "Succeed", "Output": "yes"}, No={"Type": "Succeed", "Output": "no"})


@pytest.mark.parametrize("condition", ["$states.input.absent", "$states.input.absent > 1", "$states.input.word"])
def test_a_choice_on_something_undefined_or_no_boolean_fails_instead_of_taking_its_default(condition: str) -> None:
    with Engine(enforce=False) as engine:
        execution = engine.run(engine.create_machine("ask", choice(condition)), {"word": "yes"})
    assert (execution.status, execution.error) == ("FAILED", "States.QueryEvaluationError")


def test_a_choice_on_a_variable_assigned_only_on_another_way_fails() -> None:
    states = choice("$mode = 'DRILL'")["States"]
    set_mode = {"Type": "Pass", "Assign": {"mode": "DRILL"}, "Next": "Ask"}
    first = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.skip %}", "Next": "Ask"}],
        "Default": "SetMode",
    }
    definition = machine(First=first, SetMode=set_mode, **states)
    with Engine() as engine:
        arn = engine.create_machine("ask", definition)
        assert engine.run(arn, {"skip": False}).output == "yes"
        execution = engine.run(arn, {"skip": True})
        assert execution.error == "States.QueryEvaluationError"
        assert "variable $mode was never assigned" in (execution.cause or "")


def test_a_choice_that_counts_something_absent_runs_as_on_aws_but_fails_the_test() -> None:
    with Engine(enforce=False) as engine:
        arn = engine.create_machine("typo", choice("$count($states.input.waevs) > 0"))
        assert engine.run(arn, {"waves": ["web"]}).output == "no"
        assert "Choice Ask: $states.input.waevs does not exist" in engine.broken_rules[0]


@pytest.mark.parametrize("condition", ["mode = 'DRILL'", "mode != 'RECOVERY'", "mode in ['DRILL', 'RECOVERY']"])
def test_a_comparison_with_something_absent_is_false(condition: str) -> None:
    with Engine() as engine:
        arn = engine.create_machine("ask", choice(f"$states.input.{condition}"))
        assert engine.run(arn, {}).output == "no"
        assert engine.run(arn, {"mode": "DRILL"}).output == "yes"


def test_a_choice_that_asks_whether_something_exists_is_fine() -> None:
    optional = "$exists($states.input.approval) and $states.input.approval.needed = true"
    with Engine() as engine:
        arn = engine.create_machine("ask", choice(optional))
        assert engine.run(arn, {}).output == "no"
        assert engine.run(arn, {"approval": {"needed": True}}).output == "yes"
