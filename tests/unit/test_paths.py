"""The API answers a path only as IAM has judged it: any other way to write it answers 404 before a handler runs.

A method that a path does not have answers 405.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import app
from api.http.paths import ROUTE_WORDS
from api.router import Operation, Router
from tests.support.api_without_aws import answer_without_aws, call_without_aws, problems_by_field

ROOT = next(operation for operation in app.operations if operation.path == "/")
BELOW_THE_ROOT = [operation for operation in app.operations if operation is not ROOT]
IDS = {"accountId": "444455556666", "region": "eu-central-1", "wave": "database"}
operations = st.sampled_from(app.operations)


def path_of(operation: Operation) -> str:
    return re.sub(r"{(\w+)}", lambda name: IDS.get(name[1], "drill-1"), operation.path)


def is_refused(method: str, path: str, **event: Any) -> bool:
    status, body = call_without_aws(method, path, **event)
    return (status, body["code"]) == (404, "NoSuchRoute")


# With a query parameter that no route has, a route that is found refuses the request itself.
UNKNOWN = {"queryStringParameters": {"stauts": "FAILED"}}


@pytest.mark.parametrize("operation", app.operations, ids=lambda operation: operation.name)
def test_a_route_is_found_by_its_own_path_whatever_api_gateway_says_beside_it(operation: Operation) -> None:
    path = path_of(operation)
    contexts = [{}, {"path": f"/v1{path}", "stage": "v1"}, {"path": path, "stage": "v1"}]
    if operation is ROOT:  # the URL of the stage has no slash at its end
        contexts.append({"path": "/v1", "stage": "v1"})
    for context in contexts:
        event = {"requestContext": {"requestId": "7a1c", **context}, "pathParameters": {"proxy": path[1:]}}
        status, body = call_without_aws(operation.method, path, **UNKNOWN, **event)
        assert (status, list(problems_by_field(body))) == (400, ["stauts"])


REWRITES: dict[str, Callable[[str], str]] = {
    "a slash at the end": lambda path: f"{path}/",
    "three slashes at the end": lambda path: f"{path}///",
    "two slashes at the beginning": lambda path: f"/{path}",
    "an empty part": lambda path: path.replace("/", "//"),
    "a dot": lambda path: f"/.{path}",
    "a dot at the end": lambda path: f"{path}/.",
    "a step up": lambda path: f"/x/..{path}",
    "a step up at the end": lambda path: f"{path}/x/..",
    "an encoded slash at the end": lambda path: f"{path}%2F",
    "an encoded slash between": lambda path: path[0] + path[1:].replace("/", "%2F") + "%2f",
    "an encoded step up": lambda path: f"{path}/%2e%2e",
    "an encoded letter": lambda path: f"/%{ord(path[1]):x}{path[2:]}",
    "a backslash": lambda path: f"{path}\\",
    "capitals": lambda path: path.upper(),
    "a capital": lambda path: path[0] + path[1:].capitalize(),
    "a blank at the end": lambda path: f"{path} ",
    "a line end": lambda path: f"{path}\n",
    "an encoded line end": lambda path: f"{path}%0A",
    "a parameter of the path": lambda path: f"{path};x=1",
    "a query in the path": lambda path: f"{path}?x=1",
    "the stage": lambda path: f"/v1{path}",
}


@pytest.mark.parametrize("rewrite", REWRITES.values(), ids=REWRITES.keys())
@pytest.mark.parametrize("operation", BELOW_THE_ROOT, ids=lambda operation: operation.name)
def test_another_way_to_write_a_path_is_no_route(operation: Operation, rewrite: Callable[[str], str]) -> None:
    assert is_refused(operation.method, rewrite(path_of(operation)), **UNKNOWN)


@pytest.mark.parametrize(
    "path", ["", "//", "///", "/.", "/..", "/./", "%2F", "/%2F", "/ ", "/\n", "\\", "/;", "/?", "/v1"]
)
def test_another_way_to_write_the_root_is_no_route(path: str) -> None:
    assert is_refused("GET", path, **UNKNOWN)


@given(operation=operations, odd=st.text(min_size=1, max_size=3), data=st.data())
def test_an_id_of_a_path_has_plain_characters_only(operation: Operation, odd: str, data: st.DataObject) -> None:
    names = re.findall(r"{(\w+)}", operation.path)
    if not names or re.fullmatch(r"[A-Za-z0-9._-]+", odd):
        return
    name = data.draw(st.sampled_from(names))
    path = path_of(operation._replace(path=operation.path.replace(f"{{{name}}}", f"a{odd}b")))
    assert is_refused(operation.method, path, **UNKNOWN)


def methods_of(path: str) -> set[str]:
    return {operation.method for operation in app.operations if path_of(operation) == path}


def refusal_of_method(method: str, path: str, **event: Any) -> tuple[int, str, set[str]]:
    """The status, the code and the methods of the header Allow."""
    answer = answer_without_aws(method, path, **event)
    (allowed,) = answer["multiValueHeaders"].get("Allow", [""])
    return answer["statusCode"], json.loads(answer["body"])["code"], set(allowed.split(", "))


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE", "ANY", "lower", "capitalized"])
@pytest.mark.parametrize("operation", app.operations, ids=lambda operation: operation.name)
def test_another_method_or_another_way_to_write_it_is_not_allowed(operation: Operation, method: str) -> None:
    written = {"lower": operation.method.lower(), "capitalized": operation.method.capitalize()}.get(method, method)
    path = path_of(operation)
    assert refusal_of_method(written, path, **UNKNOWN) == (405, "MethodNotAllowed", methods_of(path))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("operation", app.operations, ids=lambda operation: operation.name)
def test_a_method_is_not_allowed_exactly_if_the_path_does_not_have_it(operation: Operation, method: str) -> None:
    path = path_of(operation)
    status, _, allowed = refusal_of_method(method, path, **UNKNOWN)
    assert (status, allowed) == ((400, {""}) if method in methods_of(path) else (405, methods_of(path)))


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Original-URL", "X-Rewrite-URL"])
def test_a_header_changes_neither_method_nor_path(name: str) -> None:
    value = "POST" if "Method" in name else "/recovery-plans/rp-1/recoveries"
    headers = {"headers": {name: value}, "multiValueHeaders": {name: [value]}}
    refused = refusal_of_method("GET", "/recovery-plans/rp-1/recoveries", **headers)
    assert refused == (405, "MethodNotAllowed", {"POST"})
    refused = refusal_of_method("POST", "/recovery-plans/rp-1", **headers)
    assert refused == (405, "MethodNotAllowed", {"GET", "PUT", "DELETE"})


PLAN, RECOVERIES = "/recovery-plans/rp-1/readiness", "/recovery-plans/rp-1/recoveries"


@pytest.mark.parametrize(
    "event",
    [
        {"requestContext": {"stage": "v1", "path": f"/v1{PLAN}"}},
        {"requestContext": {"stage": "v1", "path": f"/v1{RECOVERIES}/"}},
        {"requestContext": {"stage": "v1", "path": f"/v1/{RECOVERIES}"}},
        {"requestContext": {"stage": "v1", "path": f"/v2{RECOVERIES}"}},
        {"requestContext": {"stage": "v1", "path": ""}},
        {"pathParameters": {"proxy": PLAN[1:]}},
        {"pathParameters": {"proxy": f"{RECOVERIES[1:]}/"}},
        {"pathParameters": {"proxy": RECOVERIES}},
    ],
)
def test_a_request_whose_paths_differ_is_no_route(event: dict[str, Any]) -> None:
    assert is_refused("POST", RECOVERIES, **UNKNOWN, **event)


@pytest.mark.parametrize("word", sorted(ROUTE_WORDS))
def test_a_word_of_the_routes_is_neither_an_id_nor_the_name_of_a_wave(word: str) -> None:
    for operation in app.operations:
        for name in re.findall(r"{\w+}", operation.path):
            path = path_of(operation._replace(path=operation.path.replace(name, word)))
            assert is_refused(operation.method, path, **UNKNOWN), path
    if re.fullmatch("[a-z-]+", word):
        wave = {"name": word, "groups": [{"groupId": "pg-1"}]}
        status, body = call_without_aws("POST", "/recovery-plans", body=json.dumps({"name": "shop", "waves": [wave]}))
        message = problems_by_field(body)["waves[0].name"]
        assert (status, message) == (
            400,
            f"'{word}' is a word of the API's paths, on which permissions depend; choose another name",
        )


def test_a_route_with_a_word_that_names_may_be_is_not_registered() -> None:
    with pytest.raises(ValueError, match="lacks approvals of /executions/"):
        Router("Runs").operation("POST", "/executions/{executionId}/approvals")
