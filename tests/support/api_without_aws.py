"""Call the API's function where it needs no AWS."""

import json
from typing import Any

from api import app


class Context:
    """As much of a Lambda context as the API reads."""

    function_name = invoked_function_arn = aws_request_id = "api"
    memory_limit_in_mb = 512


def answer_without_aws(method: str, path: str, **event: Any) -> dict[str, Any]:
    """What the function returns. A request that reached DynamoDB would be answered with 500."""
    request = {"path": path, "httpMethod": method, "requestContext": {"requestId": "7a1c"}, "body": None, **event}
    return app.handler(request, Context())  # type: ignore[arg-type]  # as much of a context as is read


def call_without_aws(method: str, path: str, **event: Any) -> tuple[int, Any]:
    """The status and body of the answer."""
    answer = answer_without_aws(method, path, **event)
    return answer["statusCode"], json.loads(answer["body"])


def problems_by_field(body: Any) -> dict[str, str]:
    """The messages of a refused request by field."""
    return {problem["field"]: problem["message"] for problem in body["problems"]}
