"""Reads the API in this process: the routes that a report is made from, and no others."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from api.app import app
from api.http.paths import is_path_of
from recovery import VERSION
from recovery.errors import AwsUnavailable
from recovery.settings import is_emulated
from report.reader import NotRead

# What the function may ask itself. tests/support/call_graph.py holds the permissions of its role to them.
PATHS = (
    "/executions/{executionId}",
    "/executions/{executionId}/actions",
    "/executions/{executionId}/assessment",
    "/executions/{executionId}/cleanup",
    "/executions/{executionId}/events",
    "/executions/{executionId}/findings",
    "/executions/{executionId}/launch-settings",
    "/executions/{executionId}/protection-groups",
    "/executions/{executionId}/recovery-plan",
    "/executions/{executionId}/servers",
    "/recovery-instances",
)


class InProcessReader:
    """A `report.reader.Reader` that calls the handlers of the API without a network."""

    @property
    def is_emulated(self) -> bool:
        """Whether it runs in a sandbox, whose evidence proves nothing about AWS."""
        return is_emulated()

    def get(self, path: str, **query: str) -> Any:
        """The body of a successful answer.

        Raise NotRead for a refusal, such as 404, and AwsUnavailable where the same request may succeed later: evidence
        must not lack a part because a table was busy.
        """
        if path == "/health":
            return {"version": VERSION}
        if not any(is_path_of(each, path) for each in PATHS):
            raise NotRead(f"evidence is not made from {path}")
        answer = app.resolve(_build_event(path, query), _CONTEXT)  # type: ignore[arg-type]  # all that handlers use
        body, status = json.loads(answer["body"]), answer["statusCode"]
        if status in (429, 503):
            raise AwsUnavailable(f"GET {path}: {body['detail']}")
        if status != 200:
            raise NotRead(f"GET {path}: {body['detail']}")
        return body

    def list_items(self, path: str, name: str, **filters: str) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        token: dict[str, str] = {}
        while True:
            page = self.get(path, **filters, **token)
            yield from page[name]
            if not page.get("nextToken"):
                return
            token = {"nextToken": page["nextToken"]}


_CONTEXT = SimpleNamespace(aws_request_id="evidence", function_name="write-evidence", memory_limit_in_mb=0)


def _build_event(path: str, query: dict[str, str]) -> dict[str, Any]:
    """The event of a GET as API Gateway makes it. Its caller is the control plane."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "requestContext": {"requestId": "evidence", "identity": {"userArn": "", "sourceIp": ""}},
        "body": None,
        "isBase64Encoded": False,
    }
