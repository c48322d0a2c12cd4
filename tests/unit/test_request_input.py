"""What a request says is what is done: nothing empty, repeated or unknown is dropped or read as something else."""

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import app
from api.http.times import TIME_PATTERN, parse_time
from api.router import Operation
from api.schemas.requests.base import parse
from api.schemas.requests.executions import ContinueRequest, DecisionRequest, StartRequest
from recovery import clock
from recovery.errors import InvalidRequest
from tests.support.api_without_aws import call_without_aws, problems_by_field

by_name = pytest.mark.parametrize("operation", app.operations, ids=lambda operation: operation.name)


def send(operation: Operation, **event: Any) -> tuple[int, Any]:
    path = re.sub("{[^}]*}", "drill-1", operation.path)
    return call_without_aws(operation.method, path, **event)


# --- query ----------------------------------------------------------------------------------------------------------
@by_name
def test_a_query_parameter_that_the_path_does_not_have_is_refused(operation: Operation) -> None:
    status, body = send(operation, queryStringParameters={"stauts": "FAILED"})
    assert (status, list(problems_by_field(body))) == (400, ["stauts"])


@by_name
def test_a_query_parameter_that_is_empty_or_repeated_is_refused_with_what_to_do(operation: Operation) -> None:
    for name in operation.query_names:
        for empty in ("", " ", "\t"):
            status, body = send(operation, queryStringParameters={name: empty})
            assert (status, problems_by_field(body)) == (400, {name: "has no value; omit it or give it one"})
        twice = {"queryStringParameters": {name: "b"}, "multiValueQueryStringParameters": {name: ["a", "b"]}}
        status, body = send(operation, **twice)
        assert (status, problems_by_field(body)) == (400, {name: "must not be repeated"})


# --- headers --------------------------------------------------------------------------------------------------------
HEADERS = [
    (operation, each.name) for operation in app.operations for each in operation.parameters if each.where == "header"
]


@pytest.mark.parametrize(("operation", "name"), HEADERS, ids=lambda each: getattr(each, "name", each))
def test_a_header_that_is_empty_or_repeated_is_refused_however_it_is_spelt(operation: Operation, name: str) -> None:
    for values in (["a", "b"], ["a", "a"], ["", "a"]):
        for split in ({name: values}, {name.lower(): values[:1], name.upper(): values[1:]}):
            headers = {"headers": {name: values[-1]}, "multiValueHeaders": split}
            status, body = send(operation, **headers)
            assert (status, problems_by_field(body)) == (400, {name: "must not be repeated"})
    for empty in ("", " "):
        status, body = send(operation, headers={name: empty}, multiValueHeaders={name: [empty]})
        assert (status, problems_by_field(body)) == (400, {name: "has no value; omit it or give it one"})


# --- bodies ---------------------------------------------------------------------------------------------------------
def refusal(model: Any, body: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        parse(model, body)
    return {problem["field"]: problem["message"] for problem in refused.value.problems}


WITH_BODY = [operation for operation in app.operations if operation.body]


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
def test_a_body_with_a_name_twice_is_refused(operation: Operation) -> None:
    for text in ('{"comment": "a", "comment": "b"}', '{"made up": 1, "made up": 1}', '{"a": {"b": 1, "b": 2}}'):
        status, body = send(operation, body=text)
        assert (status, "is repeated in one object" in problems_by_field(body)["body"]) == (400, True), body


def test_an_empty_comment_is_refused_and_null_is_none() -> None:
    for empty in ("", " ", "\n\t"):
        assert refusal(DecisionRequest, {"comment": empty}) == {"comment": "is empty; leave it out, or give the reason"}
    assert parse(DecisionRequest, {}).comment is parse(DecisionRequest, {"comment": None}).comment is None
    assert parse(DecisionRequest, {"comment": " why "}).comment == " why "


def test_a_continue_takes_no_comment_that_nobody_would_see() -> None:
    assert list(refusal(ContinueRequest, {"comment": "why"})) == ["comment"]


# --- times ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("moment", ["", "20261127", "2026-11-27", 1_795_160_130, "1795160130", "2026-W48-5", "now"])
def test_what_is_no_time_is_refused_with_an_example(moment: Any) -> None:
    assert "2026-11-22T08:15:30Z" in refusal(StartRequest, {"pointInTime": moment})["pointInTime"]


def test_null_and_no_point_in_time_mean_the_latest_data() -> None:
    assert parse(StartRequest, {"pointInTime": None}) == parse(StartRequest, {}) == StartRequest()


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (0, None),
        (59, None),
        (61, "must not be in the future"),
        (-365 * 86_400, None),
        (-366.1 * 86_400, "is more than 365 days ago, and DRS keeps snapshots for no longer than that"),
    ],
)
def test_a_point_in_time_may_be_as_old_as_drs_keeps_snapshots_and_a_minute_ahead(
    monkeypatch: pytest.MonkeyPatch, seconds: float, says: str | None
) -> None:
    monkeypatch.setattr(clock, "now", lambda: 1_795_160_130.0)
    body = {"pointInTime": clock.iso(1_795_160_130 + seconds)}
    if says is None:
        moment = parse(StartRequest, body).point_in_time
        assert moment is not None
        assert moment.timestamp() == pytest.approx(1_795_160_130 + seconds, abs=0.001)
    else:
        assert refusal(StartRequest, body)["pointInTime"].startswith(says)


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=OFFSETS))
def test_a_time_that_a_program_writes_in_iso_8601_is_read_as_that_moment(moment: datetime) -> None:
    assert parse_time(moment.isoformat()) == moment


@given(st.one_of(st.text(), st.integers().map(str), st.dates().map(str), st.datetimes().map(lambda at: at.isoformat())))
def test_text_without_a_zone_is_never_a_time(text: str) -> None:
    if not re.fullmatch(TIME_PATTERN, text):
        with pytest.raises(ValueError, match="such as"):
            parse_time(text)


def test_the_document_has_the_pattern_of_times() -> None:
    schema = json.dumps(StartRequest.model_json_schema())
    assert json.dumps(TIME_PATTERN) in schema
