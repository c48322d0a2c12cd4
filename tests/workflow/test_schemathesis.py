"""Requests that schemathesis generates from the OpenAPI document. Each one, valid or not, is answered as documented."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import app
from api.openapi import builder
from tests.support import documented_answers
from tests.support.product import Product

pytestmark = pytest.mark.proof

DOCUMENT = builder.build_document(app.operations)


def code_conformance(context: Any, response: Any, case: Any) -> None:
    """The code of an error is one that the operation lists with the status."""
    operation = DOCUMENT["paths"][case.operation.path][case.method.lower()]
    documented_answers.check_code(operation, response.status_code, response.json() if response.content else None)


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    code_conformance,
]
# Requests to each route; the same ones in each run.
EXAMPLES = 12


def as_event(environ: dict[str, Any]) -> dict[str, Any]:
    """A WSGI request as an event of API Gateway."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    headers = {
        name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")
    } | {"Content-Type": environ.get("CONTENT_TYPE", "")}
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return {
        "resource": "/{proxy+}",
        "path": environ["PATH_INFO"].encode("latin-1").decode(errors="replace").removeprefix("/v1"),  # the stage
        "httpMethod": environ["REQUEST_METHOD"],
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": {"requestId": "7a1c", "identity": {"userArn": "arn:aws:iam::111122223333:user/ana"}},
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }


def wsgi(product: Product) -> Callable[..., Iterable[bytes]]:
    """The requests and responses of API Gateway in front of the API's function."""
    client = product.engine.client("lambda")

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = client.invoke(FunctionName="Api", Payload=json.dumps(as_event(environ)))
        reply = json.loads(answer["Payload"].read())
        headers = [(name, values[0]) for name, values in reply["multiValueHeaders"].items()]
        start_response(f"{reply['statusCode']} Answered", headers)
        return [(reply["body"] or "").encode()]

    return app


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """One product for all requests, with a finished drill."""
    with Product(speed=600) as running:
        ids = running.seed(2)
        running.drill(running.plan({"name": "web", "groups": [running.group(ids)]}))
        yield running


schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("operation", [each.ok() for each in schema.get_all_operations()], ids=lambda each: each.label)
def test_any_request_is_answered_as_the_document_says(product: Product, operation: Any) -> None:
    operation.app = operation.schema.app = wsgi(product)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    given(case=operation.as_strategy())(send)()
