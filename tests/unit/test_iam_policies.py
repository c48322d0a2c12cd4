"""docs/iam.md: each route is allowed by the policies of exactly those roles that its table says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.app import app
from recovery.domain.execution import Mode
from recovery.runs import start

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "iam.md").read_text()
API = "arn:aws:execute-api:us-west-2:111122223333:abcdefghij/v1"
IDS = {
    "accountId": "444455556666",
    "region": "eu-central-1",
    "groupId": "pg-0123456789ab",
    "planId": "rp-0123456789ab",
    "wave": "database",
    "executionId": start._new_execution_id(Mode.DRILL),
}
POLICIES: dict[str, Any] = {
    role: json.loads(policy)
    for role, policy in re.findall(r"^```json (\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
}
ROUTES = [(operation.method, operation.path) for operation in app.operations]


def resources(role: str) -> list[str]:
    (statement,) = POLICIES[role]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    found = statement["Resource"]
    return [found] if isinstance(found, str) else list(found)


def allowed(method: str, path: str) -> set[str]:
    """The roles whose policies match the request as IAM does: `*` is any characters, slashes too."""
    asked = f"{API}/{method}{path}"
    return {
        role
        for role in POLICIES
        for pattern in resources(role)
        if re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), asked)
    }


def table() -> dict[str, set[str]]:
    """The roles of each row, by its first column."""
    head, _, *rows = re.findall(r"^\|(.+)\|$", PAGE.split("## Route by route")[1], re.MULTILINE)
    roles = [cell.strip() for cell in head.split("|")][1:]
    assert set(roles) == set(POLICIES)
    found = {}
    for row in rows:
        route, *cells = [cell.strip() for cell in row.split("|")]
        assert set(cells) <= {"yes", ""}
        found[route] = {role for role, cell in zip(roles, cells, strict=True) if cell}
    return found


def said(method: str, path: str, kind: str) -> set[str]:
    routes = table()
    if method == "GET":
        return routes["every `GET`"]
    route = f"`{method} {path}`"
    return routes[f"{route}, of a {kind}"] if path.endswith("/continue") else routes[route]


@pytest.mark.parametrize("mode", [Mode.DRILL, Mode.RECOVERY])
@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: str(part))
def test_a_route_is_allowed_for_exactly_the_roles_that_the_page_names(method: str, path: str, mode: Mode) -> None:
    ids = {**IDS, "executionId": start._new_execution_id(mode)}
    assert allowed(method, path.format(**ids)) == said(method, path, mode.value.lower())


def test_the_page_names_only_routes_that_exist() -> None:
    named = {tuple(found) for row in table() for found in re.findall(r"`([A-Z]+) (/\S+)`", row)}
    assert named == {route for route in ROUTES if route[0] != "GET"}


def test_every_resource_of_a_policy_allows_an_existing_route() -> None:
    """No line may remain from a route that no longer exists."""
    requests = [
        (method, path.format(**{**IDS, "executionId": start._new_execution_id(mode)}))
        for method, path in ROUTES
        for mode in Mode
    ]
    for role in POLICIES:
        for pattern in resources(role):
            wanted = re.escape(pattern).replace(r"\*", ".*")
            assert any(re.fullmatch(wanted, f"{API}/{method}{path}") for method, path in requests), (role, pattern)


def test_only_a_responder_starts_a_recovery() -> None:
    recovery = start._new_execution_id(Mode.RECOVERY)
    assert allowed("POST", f"/recovery-plans/{IDS['planId']}/recoveries") == {"responder"}
    assert allowed("POST", f"/executions/{recovery}/continue") == {"responder"}
