"""The OpenAPI document: every route is in it, with all that its code can answer, and docs/ has it as it is served."""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.app import app
from api.openapi import builder
from api.openapi.examples import ANSWERS, BODIES
from api.router import Operation, _rule
from recovery import errors
from recovery.drs.client import _ERROR_BY_CODE
from recovery.errors import AwsUnavailable, Transient
from tests.support.call_graph import sources, steps
from tests.support.raised_errors import BY_CODE_FUNCTION, _codes, _raised_in

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = app.operations
by_name = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@functools.cache
def schema() -> dict[str, Any]:
    return builder.build_document(OPERATIONS)


def test_docs_have_the_document_as_it_is_served() -> None:
    made = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    assert (ROOT / "docs" / "openapi.json").read_text() == made, "run make openapi"


def test_every_route_is_described_once() -> None:
    routes = [(route.method, route.path) for route in app._static_routes + app._dynamic_routes]
    described = [(operation.method, _rule(operation.path)) for operation in OPERATIONS]
    assert sorted(routes) == sorted(described)
    assert len(set(described)) == len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


@by_name
def test_each_has_an_example_of_its_body_and_its_answer_that_its_schema_takes(operation: Operation) -> None:
    components = {"components": schema()["components"]}
    for model, known in ((operation.body, BODIES), (operation.answer, ANSWERS)):
        if model:
            wanted = {"$ref": f"#/components/schemas/{model.__name__}", **components}
            Draft202012Validator(wanted).validate(known[model.__name__])


@by_name
def test_the_api_takes_the_examples_of_bodies(operation: Operation) -> None:
    if operation.body:
        operation.body.model_validate(BODIES[operation.body.__name__])


def test_no_example_is_of_nothing() -> None:
    assert set(BODIES) == {operation.body.__name__ for operation in OPERATIONS if operation.body}
    assert set(ANSWERS) == {operation.answer.__name__ for operation in OPERATIONS if operation.answer}


def test_every_reference_leads_somewhere_and_every_shared_part_is_used() -> None:
    made = schema()
    found = set(re.findall(r'"#/components/([^"]+)"', json.dumps(made)))
    there = {f"{kind}/{name}" for kind, parts in made["components"].items() for name in parts}
    assert found == there - {"securitySchemes/sigv4"}
    assert made["security"] == [{"sigv4": []}]


def test_every_answer_that_the_api_makes_has_a_correlation_id() -> None:
    made = schema()
    for path in made["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                if "$ref" in answer:
                    answer = made["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
                assert "X-Correlation-Id" in answer["headers"], status


# What is caught on its way, and so never answers a request.
PASSING = {
    kind.__name__
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, Transient) and kind is not AwsUnavailable
}
OF_A_TARGET = PASSING | {"DrsRefused", "TargetAccessDenied", "TargetNotInitialized", "TargetNotRegistered"}
OF_A_TARGET |= {"CapacityTimeout", "DrsWavesError"}
OF_A_RUN_THAT_DIED = OF_A_TARGET | {"LateMessage", "RunHalted"}
OF_AN_ACCOUNT = {"TargetAccessDenied", "TargetNotRegistered"}
CAUGHT = {
    # An account and Region that cannot be asked says so in its own entry.
    "verifyAccount": OF_A_TARGET,
    "readCapacity": OF_A_TARGET,
    "readCapacityOfAccount": OF_A_TARGET,
    "readCapacityOfTarget": OF_A_TARGET,
    # A run that died is closed whatever its batches say; a lock, or a key, whose run was never recorded is free.
    "startReadiness": OF_A_RUN_THAT_DIED | {"ExecutionNotFound"},
    "startDrill": OF_A_RUN_THAT_DIED | {"ExecutionNotFound"},
    "startRecovery": OF_A_RUN_THAT_DIED | {"ExecutionNotFound"},
    "continueExecution": OF_A_RUN_THAT_DIED,
    "cancel": OF_A_RUN_THAT_DIED,
    # The catalog makes AccountNotFound of it; forgetting sessions asks nobody.
    "registerAccount": OF_AN_ACCOUNT,
    "readAccount": OF_AN_ACCOUNT,
    "updateAccount": OF_AN_ACCOUNT,
    "deleteAccount": OF_AN_ACCOUNT,
}


def raisable(operation: Operation) -> set[str]:
    """The errors that the code of a route can raise, read off the source."""
    waiting, names = {f"{operation.handler.__module__}.{operation.handler.__name__}"}, set[str]()
    waiting |= {"api.router.read_body"} if operation.body else set()
    while waiting:
        name = waiting.pop()
        names.add(name)
        waiting |= {step.call for step in steps(name) if step.call and step.call in sources()} - names
    found = {kind for name in names for code in sources()[name] for kind in _raised_in(code)}
    if BY_CODE_FUNCTION in names:
        found |= {_ERROR_BY_CODE[code] for code in _codes(frozenset(names))}
    return {kind.__name__ for kind in found}


@by_name
def test_each_names_the_errors_that_its_code_can_raise_and_no_others(operation: Operation) -> None:
    declared = {kind.__name__ for kind in operation.all_errors - {AwsUnavailable}}
    assert declared == raisable(operation) - CAUGHT.get(operation.name, set()) - {"AwsUnavailable"}


def test_asking_for_the_document_is_all_that_imports_what_makes_it() -> None:
    code = "import sys; import api.app; print([name for name in sys.modules if name.startswith('api.')])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "lambdas", capture_output=True, text=True, check=True
    ).stdout
    assert "api.routes.openapi" in loaded
    for name in ("api.openapi.builder", "api.openapi.examples", "api.openapi.gateway_errors"):
        assert f"'{name}'" not in loaded
