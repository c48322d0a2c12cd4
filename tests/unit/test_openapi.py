"""The OpenAPI document describes every route and every error that its code can raise, and docs/ has a copy."""

import functools
import json
import keyword
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.app import app
from api.openapi import builder
from api.openapi.descriptions import EVERYWHERE, OF_SHAPES
from api.openapi.examples import ANSWERS, BODIES
from api.router import Operation, _rule
from recovery import errors
from recovery.drs.calls import ERROR_BY_CODE
from recovery.errors import AwsUnavailable, Transient
from tests.support.call_graph import sources, steps
from tests.support.raised_errors import BY_CODE_FUNCTION, _codes, _raised_in

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = app.operations
by_name = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@functools.cache
def schema() -> dict[str, Any]:
    return builder.build_document(OPERATIONS)


def test_docs_contain_the_document_that_the_api_serves() -> None:
    made = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    assert (ROOT / "docs" / "openapi.json").read_text() == made, "run make openapi"


def test_every_route_is_described_once() -> None:
    routes = [(route.method, route.path) for route in app._static_routes + app._dynamic_routes]
    described = [(operation.method, _rule(operation.path)) for operation in OPERATIONS]
    assert sorted(routes) == sorted(described)
    assert len(set(described)) == len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


@by_name
def test_each_operation_has_valid_examples_of_its_body_and_its_answer(operation: Operation) -> None:
    components = {"components": schema()["components"]}
    for model, known in ((operation.body, BODIES), (operation.answer, ANSWERS)):
        if model:
            wanted = {"$ref": f"#/components/schemas/{model.__name__}", **components}
            Draft202012Validator(wanted).validate(known[model.__name__])


@by_name
def test_the_api_accepts_the_examples_of_bodies(operation: Operation) -> None:
    if operation.body:
        operation.body.model_validate(BODIES[operation.body.__name__])


def test_every_example_belongs_to_an_operation() -> None:
    assert set(BODIES) == {operation.body.__name__ for operation in OPERATIONS if operation.body}
    assert set(ANSWERS) == {operation.answer.__name__ for operation in OPERATIONS if operation.answer}


def test_every_reference_resolves_and_every_component_is_used() -> None:
    made = schema()
    found = set(re.findall(r'"#/components/([^"]+)"', json.dumps(made)))
    there = {f"{kind}/{name}" for kind, parts in made["components"].items() for name in parts}
    assert found == there - {"securitySchemes/sigv4"}
    assert made["security"] == [{"sigv4": []}]


def test_every_answer_of_the_api_has_a_correlation_id() -> None:
    made = schema()
    for path in made["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if "$ref" in answer:
                    answer = made["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
                assert "X-Correlation-Id" in answer["headers"], status


@by_name
def test_every_error_has_one_schema_also_those_that_no_status_is_listed_for(operation: Operation) -> None:
    made = schema()
    responses = made["paths"][operation.path][operation.method.lower()]["responses"]
    for status, answer in responses.items():
        if status != str(operation.status):
            described = made["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
            (content,) = described["content"].values()
            assert content == {"schema": {"$ref": "#/components/schemas/Problem"}}, status
            assert described.get("x-codes") or status == "default"
    assert "default" in responses


def properties() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, shape in schema()["components"]["schemas"].items():
        for field, described in shape.get("properties", {}).items():
            yield name, field, described


def test_every_property_of_every_schema_is_described() -> None:
    assert not [(name, field) for name, field, described in properties() if not described.get("description")]


def test_every_description_belongs_to_a_property() -> None:
    texts = {described["description"] for _, _, described in properties()}
    assert set(EVERYWHERE.values()) <= texts
    assert {text for shape in OF_SHAPES.values() for text in shape.values()} <= texts
    assert OF_SHAPES.keys() <= schema()["components"]["schemas"].keys()


# Moments whose names alone do not say that they are.
OTHER_TIMES = {
    ("DrillPolicy", "owed"),
    ("DrillScheduleItem", "next"),
    ("PlanCompliance", "due"),
    ("PlanCompliance", "next"),
    ("ServerCompliance", "due"),
}


def test_every_time_has_the_format_of_a_time_and_nothing_else_has() -> None:
    timed = {(name, field) for name, field, described in properties() if '"date-time"' in json.dumps(described)}
    named = re.compile(r"\w+At|\w+Time|at|since|until|retainUntil|pointInTime").fullmatch
    of_day = {("DrillPolicy", "at"), ("DrillPolicyRequest", "at")}
    others = {(name, field) for name, field, _ in properties() if (name, field) in OTHER_TIMES or field == "asOf"}
    assert timed == others | {(name, field) for name, field, _ in properties() if named(field)} - of_day


def test_no_schema_is_put_together_in_a_way_that_generators_read_as_several_models() -> None:
    assert not re.findall('"(?:oneOf|allOf)":', json.dumps(schema()))


def test_every_operation_id_is_a_verb_that_generators_keep_as_it_is() -> None:
    ids = [operation.name for operation in OPERATIONS]
    assert all(re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)*", name) and not keyword.iskeyword(name) for name in ids)
    assert len({name.lower() for name in ids}) == len(ids)


# Errors that the code catches before they reach a request.
TRANSIENT = {
    kind.__name__
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, Transient) and kind is not AwsUnavailable
}
OF_A_TARGET = TRANSIENT | {
    "DrsRefused",
    "RegionNotEnabled",
    "TargetAccessDenied",
    "TargetNotInitialized",
    "TargetNotRegistered",
}
OF_A_TARGET |= {"JobTooLarge", "DrsWavesError"}
OF_AN_ABANDONED_RUN = OF_A_TARGET | {"JobNotVisible", "LateMessage", "NothingToLaunch", "RunHalted"}
OF_AN_ABANDONED_RUN |= {"NotInTarget", "TargetRefused"}  # what its actions have started is stopped, or noted
# Steps of plans that need what is not in a target, or is not permitted, or not known.
OF_A_STEP = OF_A_TARGET | {"NotInTarget", "TargetRefused"}
OF_AN_ACCOUNT = {"TargetAccessDenied", "TargetNotRegistered"}
CAUGHT = {
    # A target that cannot be reached has the reason in its own entry.
    "verifyAccount": OF_A_STEP,
    "createPlan": OF_A_STEP,
    "updatePlan": OF_A_STEP,
    "readCapacity": OF_A_TARGET,
    "readCapacityOfAccount": OF_A_TARGET,
    "readCapacityOfTarget": OF_A_TARGET,
    "readRunningDrills": {"TargetTooSlow"},
    # An abandoned run is closed whatever the state of its batches. A lock or a key without a recorded run is free.
    "startReadiness": OF_AN_ABANDONED_RUN | {"ExecutionNotFound"},
    "startDrill": OF_AN_ABANDONED_RUN | {"ExecutionNotFound"},
    "startRecovery": OF_AN_ABANDONED_RUN | {"ExecutionNotFound"},
    "continueExecution": OF_AN_ABANDONED_RUN,
    "cancel": OF_AN_ABANDONED_RUN,
    # The catalog turns these into AccountNotFound; discarding sessions makes no call.
    "registerAccount": OF_AN_ACCOUNT,
    "readAccount": OF_AN_ACCOUNT,
    "updateAccount": OF_AN_ACCOUNT,
    "deleteAccount": OF_AN_ACCOUNT,
}


def raisable(operation: Operation) -> set[str]:
    """The errors that the code of a route can raise, read from its source."""
    waiting, names = {f"{operation.handler.__module__}.{operation.handler.__name__}"}, set[str]()
    waiting |= {"api.router.read_body"} if operation.body else set()
    waiting |= {"api.http.parameters.check_query"}
    while waiting:
        name = waiting.pop()
        names.add(name)
        waiting |= {step.call for step in steps(name) if step.call and step.call in sources()} - names
    found = {kind for name in names for code in sources()[name] for kind in _raised_in(code)}
    if BY_CODE_FUNCTION in names:
        found |= {ERROR_BY_CODE[code] for code in _codes(frozenset(names))}
    return {kind.__name__ for kind in found}


@by_name
def test_each_operation_declares_exactly_the_errors_that_its_code_can_raise(operation: Operation) -> None:
    declared = {kind.__name__ for kind in operation.all_errors - {AwsUnavailable}}
    assert declared == raisable(operation) - CAUGHT.get(operation.name, set()) - {"AwsUnavailable"}


def test_only_a_request_for_the_document_imports_its_builder() -> None:
    code = "import sys; import api.app; print([name for name in sys.modules if name.startswith('api.')])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "lambdas", capture_output=True, text=True, check=True
    ).stdout
    assert "api.routes.openapi" in loaded
    for name in ("api.openapi.builder", "api.openapi.examples", "api.openapi.gateway_errors"):
        assert f"'{name}'" not in loaded
