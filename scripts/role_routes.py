"""Write into docs/iam.md which requests each of its policies allows: `python scripts/role_routes.py`.

Each policy is evaluated as IAM does it, for every route and with every word of the routes in each free part of the
path, because a name that is also a word can turn one route into another.
"""

import functools
import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lambdas"))

from api.app import app
from api.http.paths import fixed_parts

PAGE = Path(__file__).resolve().parent.parent / "docs" / "iam.md"
STAGE = "arn:aws:execute-api:us-west-2:111122223333:abcdefghij/v1"
BEGIN, END = "<!-- written by scripts/role_routes.py -->\n", "<!-- end -->\n"

METHODS = ("GET", "POST", "PUT", "DELETE")
ROUTES = [(operation.method, operation.path) for operation in app.operations]
WORDS = sorted(set().union(*(fixed_parts(path) for _, path in ROUTES)))
RUN_KINDS = ("drill", "recovery", "readiness")
# Ids as the API makes them, and the name of a wave.
PLAIN_IDS = {
    "accountId": ["444455556666"],
    "region": ["eu-central-1"],
    "groupId": ["pg-0123456789ab"],
    "planId": ["rp-0123456789ab"],
    "wave": ["database"],
    "action": ["freeze-writes"],
    "findingId": ["df-0123456789ab"],
    "executionId": [f"{kind}-20261122-081530-4f1c09" for kind in RUN_KINDS],
}


def read_policies(page: str) -> dict[str, Any]:
    """The policies of the page, by role."""
    found = re.findall(r"^```json (\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return {role: json.loads(policy) for role, policy in found}


def list_resources(policy: Any) -> list[str]:
    """The resources of a policy. Raise ValueError unless it is one statement that allows calls of the API."""
    (statement,) = policy["Statement"]
    if (statement["Effect"], statement["Action"]) != ("Allow", "execute-api:Invoke") or len(statement) != 3:
        raise ValueError("the policy must have one statement, which allows execute-api:Invoke and has no condition")
    resource = statement["Resource"]
    return [resource] if isinstance(resource, str) else list(resource)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """IAM's pattern: `*` is any characters and `?` any one character, slashes included."""
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(each) or re.escape(each) for each in pattern), re.DOTALL)


@functools.cache
def _patterns(page: str) -> dict[str, list[re.Pattern[str]]]:
    return {role: list(map(compile_pattern, list_resources(policy))) for role, policy in read_policies(page).items()}


def list_allowed(page: str, method: str, path: str) -> set[str]:
    """The roles whose policies allow the request."""
    asked = f"{STAGE}/{method}{path}"
    return {role for role, patterns in _patterns(page).items() if any(each.fullmatch(asked) for each in patterns)}


def fill(path: str) -> Iterator[tuple[dict[str, str], str]]:
    """Every path of the route, with its ids: plain ones, and each word of the routes, in every free part."""
    names = re.findall(r"{(\w+)}", path)
    for ids in itertools.product(*([*PLAIN_IDS[name], *WORDS] for name in names)):
        filled = dict(zip(names, ids, strict=True))
        yield filled, path.format(**filled)


def _describe(page: str, role: str, method: str, path: str) -> str | None:
    """The route as the role reaches it, None if it does not."""
    found = [ids for ids, filled in fill(path) if role in list_allowed(page, method, filled)]
    if not found:
        return None
    if len(found) == len(list(fill(path))):
        return f"`{path}`"
    kinds = sorted({ids.get("executionId", "").split("-")[0] for ids in found})
    return f"`{path}` of runs whose id begins with {', '.join(f'`{kind}-`' for kind in kinds)}"


def render(page: str) -> str:
    """The page with its table as the policies are now."""
    rows = ["| role | method | routes that the policy allows |", "|---|---|---|"]
    for role in read_policies(page):
        for method in sorted({each for each, _ in ROUTES}, key=METHODS.index):
            paths = [path for each, path in ROUTES if each == method]
            reached = [text for path in paths if (text := _describe(page, role, method, path))]
            if method == "GET" and reached == [f"`{path}`" for path in paths]:
                reached = [f"all {len(paths)}"]
            if reached:
                rows.append(f"| {role} | `{method}` | {', '.join(reached)} |")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return "".join([before, BEGIN, *(f"{row}\n" for row in rows), END, after])


def main() -> None:
    """Write the table."""
    PAGE.write_text(render(PAGE.read_text()))


if __name__ == "__main__":
    main()
