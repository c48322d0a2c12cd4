"""docs/iam.md: each route is allowed by the policies of exactly those roles that its table says."""

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import router
from api.http.paths import ROUTE_WORDS
from api.http.response import json_response
from api.router import Operation
from recovery.domain.execution import Mode
from recovery.runs import start
from scripts import role_routes
from scripts.role_routes import ROUTES, WORDS, fill, list_allowed, read_policies
from tests.support.api_without_aws import call_without_aws

PAGE = role_routes.PAGE.read_text()
POLICIES = read_policies(PAGE)


def allowed(method: str, path: str) -> set[str]:
    return list_allowed(PAGE, method, path)


def table() -> dict[str, set[str]]:
    """The roles of each row, by its first column."""
    section = PAGE.split("## Route by route")[1].split("\n## ")[0]
    head, _, *rows = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    roles = [cell.strip() for cell in head.split("|")][1:]
    assert set(roles) == set(POLICIES)
    found = {}
    for row in rows:
        route, *cells = [cell.strip() for cell in row.split("|")]
        assert set(cells) <= {"yes", ""}
        found[route] = {role for role, cell in zip(roles, cells, strict=True) if cell}
    return found


TABLE = table()


def said(method: str, path: str, ids: dict[str, str]) -> set[str]:
    """The roles that the page names for the route. Runs that are no drills count as recoveries."""
    if method == "GET":
        return TABLE["every `GET`"]
    route = f"`{method} {path}`"
    if path.endswith("/continue"):
        return TABLE[f"{route}, of a {'drill' if ids['executionId'].startswith('drill-') else 'recovery'}"]
    return TABLE[route]


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: str(part))
def test_a_route_is_allowed_for_exactly_the_roles_that_the_page_names(method: str, path: str) -> None:
    """Whatever stands in its free parts: ids, or any word of the routes."""
    for ids, filled in fill(path):
        assert allowed(method, filled) == said(method, path, ids), filled


def test_the_ids_that_are_tried_have_the_form_of_real_ones() -> None:
    kinds = {mode: start._new_execution_id(mode).split("-")[0] for mode in Mode}
    assert set(role_routes.RUN_KINDS) == set(kinds.values())
    assert set(role_routes.PLAIN_IDS) == set(re.findall(r"{(\w+)}", " ".join(path for _, path in ROUTES)))


def test_the_words_that_no_name_may_be_are_those_of_the_routes() -> None:
    assert sorted(ROUTE_WORDS) == WORDS


# --- what the router makes of a path ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def reached() -> Iterator[list[tuple[Operation, dict[str, str]]]]:
    """The operations that were about to read a request, which are answered here in their place."""
    found: list[tuple[Operation, dict[str, str]]] = []
    respond = router._respond

    def record(operation: Operation, _: object, ids: dict[str, str]) -> object:
        found.append((operation, ids))
        return json_response(200, {"reached": operation.name}, {})

    router._respond = record  # type: ignore[assignment]
    yield found
    router._respond = respond


IDS = [each for ids in role_routes.PLAIN_IDS.values() for each in ids]
PARTS = st.sampled_from(
    [*WORDS, *IDS, "", ".", "..", "%2F", "%2e%2e", "drill-%2Fapprove", "pause%2f", "Approve", "a b"]
)
ODD_PATHS = st.lists(PARTS, min_size=1, max_size=7).map("/".join).map("/{}".format)


@st.composite
def near_routes(draw: st.DrawFn) -> str:
    """A path of a route with parts put in, taken out or replaced."""
    path = draw(st.sampled_from([path for _, path in ROUTES]))
    parts = [
        part if "{" not in part else draw(PARTS | st.just(role_routes.PLAIN_IDS[part.strip("{}")][0]))
        for part in path.split("/")
    ]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(1, len(parts)))
        parts[at : at + draw(st.integers(0, 1))] = draw(st.lists(PARTS, max_size=2))
    return "/".join(parts)


@settings(max_examples=2_000)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "post", "Delete"]),
    path=ODD_PATHS | near_routes(),
)
def test_no_path_leads_a_role_to_a_route_beyond_its_table(
    reached: list[tuple[Operation, dict[str, str]]], method: str, path: str
) -> None:
    del reached[:]
    status, body = call_without_aws(method, path)
    if not reached:
        assert (status, body["code"]) in ((404, "NoSuchRoute"), (405, "MethodNotAllowed"))
        return
    ((operation, _),) = reached
    names = re.findall(r"{(\w+)}", operation.path)
    found = re.fullmatch(re.sub(r"{\w+}", "([^/]+)", operation.path), path)
    assert found, "the router reads the path as it was sent"
    assert method == operation.method
    ids = dict(zip(names, found.groups(), strict=True))
    assert allowed(method, path) == said(method, operation.path, ids)
    assert ROUTE_WORDS.isdisjoint(ids.values())


# --- the page -----------------------------------------------------------------------------------------------------
def test_the_page_names_only_routes_that_exist() -> None:
    named = {tuple(found) for row in TABLE for found in re.findall(r"`([A-Z]+) (/\S+)`", row)}
    assert named == {route for route in ROUTES if route[0] != "GET"}


def test_what_each_policy_allows_is_written_as_it_is() -> None:
    assert role_routes.render(PAGE) == PAGE, "run `make role-routes`"


def test_every_resource_of_a_policy_names_stage_method_and_the_words_of_one_route_or_all_reads() -> None:
    """No line may remain from a route that no longer exists, and none may reach over several."""
    for role, policy in POLICIES.items():
        for resource in role_routes.list_resources(policy):
            pattern = role_routes.compile_pattern(resource)
            method, _, rest = resource.removeprefix(f"{role_routes.STAGE}/").partition("/")
            hit = {
                (known, path)
                for known, path in ROUTES
                for _, filled in fill(path)
                if pattern.fullmatch(f"{role_routes.STAGE}/{known}{filled}")
            }
            reads = {route for route in ROUTES if route[0] == "GET"}
            assert hit == reads if (method, rest) == ("GET", "*") else len(hit) == 1, (role, resource, hit)


def test_only_a_responder_starts_a_recovery() -> None:
    recovery = start._new_execution_id(Mode.RECOVERY)
    assert allowed("POST", "/recovery-plans/rp-0123456789ab/recoveries") == {"responder"}
    assert allowed("POST", f"/executions/{recovery}/continue") == {"responder"}


# --- trust policies -----------------------------------------------------------------------------------------------
def test_each_trust_policy_of_the_page_binds_the_session_name() -> None:
    section = PAGE.split("## Names in the record")[1].split("\n## ")[0]
    policies = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)]
    assert len(policies) == 2
    for policy in policies:
        (assume,) = [each for each in policy["Statement"] if "sts:AssumeRole" in each["Action"]]
        assert assume["Condition"]["StringEquals"].keys() == {"sts:RoleSessionName"}
        assert {each["Action"] for each in policy["Statement"]} == {"sts:AssumeRole", "sts:SetSourceIdentity"}
