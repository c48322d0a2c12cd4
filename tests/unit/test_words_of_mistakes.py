"""Mistakes in requests and in plan files are told in the same words, and never in those of a library."""

import copy
import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from api.schemas.requests.accounts import require_external_id
from api.schemas.requests.base import parse
from api.schemas.requests.groups import GroupRequest
from api.schemas.requests.plans import PlanRequest
from cli.plans.check import read_plan_file
from cli.plans.document import PlanFileError
from cli.plans.file_schema import build_json_schema
from recovery.errors import InvalidRequest
from tests.support.plan_file import FILE, LIBRARY

SLUG = "lower-case letters, digits and hyphens, at most 63 characters"


# --- the API ----------------------------------------------------------------------------------------------------
def test_the_api_says_the_same_of_the_same_mistake() -> None:
    wave = {"name": "Database", "groups": [{"groupId": "pg-1"}], "dependson": [], "approval": True}
    with pytest.raises(InvalidRequest) as refused:
        parse(PlanRequest, {"name": "Payroll", "rtoTargetMinutes": "2h", "waves": [wave]})
    assert {each["field"]: each["message"] for each in refused.value.problems} == {
        "rtoTargetMinutes": "must be minutes as a whole number: 120",
        "waves[0].name": f"must be {SLUG}; did you mean 'database'?",
        "waves[0].dependson": "unknown field; did you mean dependsOn?",
        "waves[0].approval": 'must be a mapping, such as {"required": true}',
    }
    with pytest.raises(InvalidRequest) as empty:
        parse(GroupRequest, {"name": "a", "accountId": "111122223333", "region": "us-west-2"})
    assert [each["field"] for each in empty.value.problems] == ["body"]
    assert empty.value.problems[0]["message"].startswith("selects no servers: give sourceServerIds")


@pytest.mark.parametrize("secret", ["short-secret", "secret with spaces in it", "se=cret:" * 200])
def test_the_words_about_an_external_id_do_not_repeat_it(secret: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        require_external_id(secret)
    assert "cret" not in str(refused.value.problems)


# --- any mistake ------------------------------------------------------------------------------------------------
def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, part in parts for place in _places(part, (*at, key)))]


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
WRONG = VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.text(max_size=5), VALUES, max_size=2)


@settings(max_examples=150)
@given(place=st.sampled_from(_places(yaml.safe_load(FILE))[1:]), wrong=WRONG)
def test_no_mistake_is_told_in_the_words_of_a_library(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[Any, ...], wrong: Any
) -> None:
    data = copy.deepcopy(yaml.safe_load(FILE))
    part = data
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = wrong
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(data))
    lines = list[str]()
    try:
        read_plan_file(path)
    except PlanFileError as error:
        lines = error.lines()
    assert not [line for line in lines if LIBRARY.search(line.replace(repr(wrong), ""))]


# --- the schema -------------------------------------------------------------------------------------------------
def test_the_schema_describes_every_field_and_no_title_is_a_squashed_name() -> None:
    made = build_json_schema()
    parts = {"file": made, **made["$defs"]}
    fields = [(name, key, field) for name, part in parts.items() for key, field in part.get("properties", {}).items()]
    assert len(fields) > 40
    assert not [f"{name}.{key}" for name, key, field in fields if not field.get("description")]
    titles = re.findall(r'"title": "([^"]*)"', json.dumps(made))
    assert titles == ["drs-waves plan file"]
