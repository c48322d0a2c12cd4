"""The checks that hold a definition to the rules of AWS and of this project."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness import asl
from tests.harness.engine import ROOT

FLEET = ROOT / "tests/harness/toys/fleet.asl.yaml"
FUNCTION = {"RecoverFunction": "recover"}


@pytest.fixture
def fleet() -> dict[str, Any]:
    return asl.load(FLEET, FUNCTION)


def problems(definition: dict[str, Any]) -> str:
    return "\n".join(map(str, asl.check(definition)))


def one_state(**fields: Any) -> dict[str, Any]:
    state = {"Type": "Pass", "Comment": "A state.", "End": True, **fields}
    return {
        "Comment": "A machine.",
        "QueryLanguage": "JSONata",
        "StartAt": "Only",
        "States": {"Only": {key: value for key, value in state.items() if value is not None}},
    }


def task(**fields: Any) -> dict[str, Any]:
    resource = "arn:aws:states:::lambda:invoke"
    return one_state(**{"Type": "Task", "Resource": resource, "TimeoutSeconds": 10, **fields})


def test_a_sound_machine_has_no_problems(fleet: dict[str, Any]) -> None:
    assert asl.check(fleet) == []
    asl.assert_sound(fleet)


def test_substitutions_are_filled_in_and_a_missing_one_is_named(tmp_path: Path) -> None:
    assert asl.placeholders(FLEET) == {"RecoverFunction"}
    with pytest.raises(KeyError, match="RecoverFunction"):
        asl.load(FLEET, {})
    file = tmp_path / "m.asl.yaml"
    file.write_text("TimeoutSeconds: ${Limit}\nOutput: '{% $merge([$x, ${ }]) %}'\n")
    assert asl.load(file, {"Limit": "30"})["TimeoutSeconds"] == 30, "a number, as after CloudFormation"


def test_a_key_written_twice_is_not_swallowed() -> None:
    with pytest.raises(yaml.YAMLError, match="'Next' twice"):
        asl.load("Type: Pass\nNext: A\nNext: B\n")


def test_dangling_and_unreachable_states_are_found(fleet: dict[str, Any]) -> None:
    broken = copy.deepcopy(fleet)
    inner = broken["States"]["RecoverServers"]["ItemProcessor"]["States"]
    inner["Recovered?"]["Default"] = "WaitForSever"
    inner["NoteFailure"]["Next"] = inner["NoteFailure"].pop("End") and "CountServers"
    found = problems(broken)
    assert "RecoverServers/Recovered?: leads to 'WaitForSever', which does not exist" in found
    assert "RecoverServers/WaitForServer: can never be reached" in found
    assert "RecoverServers/NoteFailure: leads to 'CountServers', which does not exist (here)" in found


def test_a_machine_that_cannot_end_is_found() -> None:
    loop = one_state(End=None, Next="Only")
    assert "has no way out" in problems(loop)
    assert "needs either Next or End" in problems(one_state(End=None))
    assert "has both" in problems(one_state(Next="Only"))
    assert "StartAt is 'Nowhere'" in problems({**one_state(), "StartAt": "Nowhere"})


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (one_state(Comment=None), "Only: has no Comment"),
        ({**one_state(), "Comment": None}, "definition: has no Comment"),
        (task(TimeoutSeconds=None), "has no TimeoutSeconds"),
        (task(TimeoutSeconds=0), "TimeoutSeconds is 0"),
        (task(TimeoutSeconds=10, HeartbeatSeconds=10), "HeartbeatSeconds 10 is not under TimeoutSeconds 10"),
        (task(Paramters={}), "has no field 'Paramters'"),
        (task(ResultPath="$.x"), "in JSONata has no field 'ResultPath'"),
        (task(Resource=None), "has no Resource"),
        (task(Retry=[{"ErrorEquals": ["States.ALL", "Busy"]}]), "States.ALL must stand alone"),
        (task(Retry=[{"ErrorEquals": ["A"]}, {"ErrorEquals": ["A"]}]), "A is here and in a later one"),
        (
            task(Retry=[{"ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}]),
            "MaxDelaySeconds 5 must be over",
        ),
        (task(Retry=[{"ErrorEquals": ["A"], "JitterStrategy": "Full"}]), "JitterStrategy is 'Full'"),
        (task(Catch=[{"ErrorEquals": ["A"]}]), "Catch[0]: has no Next"),
        (one_state(Output="{% $states.input.( %}"), "Output: is no JSONata"),
        (one_state(Output="{% $modee %}"), "Output: $modee is never assigned"),
        (one_state(Output="id-{% $states.input.id %}"), "nothing around it"),
        (one_state(Output="{% $eval('1') %}"), "has no $eval"),
        (one_state(Output="{% $states.errorOutput %}"), "exists only in a Catch"),
        (task(Arguments={"Payload": "{% $states.result %}"}), "exists only in Assign and Output"),
        (one_state(Assign={"states": 1}), "'states' is no name for a variable"),
        (one_state(Type="Choice", End=None, Choices=[{"Condition": True, "Next": "Only"}]), "has no Default"),
        (one_state(Type="Wait"), "needs either Seconds or Timestamp"),
        (one_state(Type="Parse"), "Type is 'Parse'"),
        (one_state(QueryLanguage="JSONPath"), "is not in JSONata"),
        (one_state(Output="x" * 1_100_000), "the limit is 1,048,576"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_aws_or_we_forbid_is_said_in_words(definition: dict[str, Any], message: str) -> None:
    assert message in problems(definition)


def named(name: Any) -> dict[str, Any]:
    definition = one_state()
    return {**definition, "StartAt": name, "States": {name: definition["States"]["Only"]}}


def test_state_names_are_held_to_the_rules() -> None:
    assert problems(named("ReadyToRecover?")) == ""
    assert problems(named("x" * 80)) == ""
    assert "81 characters" in problems(named("x" * 81))
    assert "has '\\n' in it" in problems(named("two\nlines"))
    assert "is True to YAML; quote it" in problems(asl.load(yaml.safe_dump(named("x")).replace(" x:", " On:")))


def test_a_state_name_may_not_come_twice_in_one_machine(fleet: dict[str, Any]) -> None:
    inner = fleet["States"]["RecoverServers"]["ItemProcessor"]
    inner["States"]["CountServers"] = inner["States"].pop("RecoverServer")
    inner["StartAt"] = "CountServers"
    assert "the name is taken by CountServers" in problems(fleet)


def test_an_inner_state_may_not_assign_an_outer_variable(fleet: dict[str, Any]) -> None:
    fleet["States"]["RecoverServers"]["ItemProcessor"]["States"]["Finish"]["Assign"] = {"mode": "x"}
    assert "assigns $mode, which belongs to the machine around it" in problems(fleet)


def test_variables_bound_inside_an_expression_are_no_variables_of_the_machine() -> None:
    expression = "($n := 2; $map([1, 2], function($v, $i) { $v * $n + $i }) ~> $sum)"
    assert problems(one_state(Output=f"{{% {expression} %}}")) == ""
    assert problems(one_state(Output="{% $exists($maybe) ? $string(1) : 'no' %}")) == ""


def test_rules_can_be_chosen_and_ignored() -> None:
    bare = one_state(Comment=None)
    assert asl.check(bare, asl.AWS_RULES) == []
    assert asl.check(bare, ignore=["comment"]) == []
    with pytest.raises(AssertionError, match="plan:\n  Only: has no Comment"):
        asl.assert_sound(bare, name="plan")


def test_house_rules_can_be_added_over_all_states(fleet: dict[str, Any]) -> None:
    assert [state.where for state in asl.states(fleet) if state.kind == "Task"] == ["RecoverServers/RecoverServer"]


@pytest.mark.parametrize("name", ["plan-1_2.x", "é", "x" * 80])
def test_good_execution_names_pass(name: str) -> None:
    assert asl.execution_name_problem(name) is None


@pytest.mark.parametrize("name", ["", "x" * 81, "a b", "a/b", "a:b", "what?", "a\n", "{x}", "a#b", "a\x7fb"])
def test_bad_execution_names_do_not(name: str) -> None:
    assert asl.execution_name_problem(name)


@pytest.mark.parametrize("name", ["plan.1", "é", "a b", "a/b"])
def test_an_execution_of_such_a_name_has_no_log(name: str) -> None:
    assert asl.execution_log_problem(name)
    assert asl.execution_log_problem("Plan-1_2") is None
