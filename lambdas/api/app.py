"""The HTTP API of drs-waves: one function behind API Gateway, a few lines a route."""

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from api import executions, instances, plans
from recovery.errors import DrsWavesError, InvalidRequest, Transient

logger = Logger()
app = APIGatewayRestResolver(strip_prefixes=[])
app.include_router(plans.router)
app.include_router(executions.router)
app.include_router(instances.router)


@app.exception_handler(DrsWavesError)  # type: ignore[untyped-decorator]  # powertools leaves it untyped
def refuse(error: DrsWavesError) -> Response[str]:
    """Any error of ours as its HTTP status, with what to do about it."""
    logger.warning("request refused", extra={"error": type(error).__name__, "reason": error.message})
    problems = {"problems": error.problems} if isinstance(error, InvalidRequest) else {}
    # Of what passes by itself, the tree says that the state machine waits; here it is the caller who does.
    advice = "Send the request again in a few seconds." if isinstance(error, Transient) else error.advice
    return _error(error.status, type(error).__name__, error.message, advice, {**problems, **error.facts})


@app.not_found
def no_route(error: NotFoundError) -> Response[str]:
    """A path or method the API does not have."""
    asked = f"{app.current_event.http_method} {app.current_event.path}"
    return _error(404, "NoSuchRoute", f"There is no {asked}.", "See docs/api.md for the routes.", {})


def _error(status: int, code: str, message: str, advice: str, facts: dict[str, Any]) -> Response[str]:
    body = {"code": code, "message": message, "advice": advice, "correlationId": _correlation_id(), **facts}
    return Response(status, content_types.APPLICATION_JSON, json.dumps(body))


def _correlation_id() -> str:
    return app.current_event.request_context.get("requestId") or app.lambda_context.aws_request_id


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one API Gateway request. What is not one of our errors becomes a 500 and a log entry, never a leak.

    A direct invocation names an `operation` instead; its errors are raised, as whoever invokes a function expects.
    """
    if "operation" in event and "httpMethod" not in event:
        return instances.operate(event)
    try:
        return app.resolve(event, context)
    except Exception:  # the boundary: API Gateway would answer an empty 502
        logger.exception("unexpected error")
        request_id = (event.get("requestContext") or {}).get("requestId", "")
        body = {
            "code": "InternalError",
            "message": "Something went wrong on our side.",
            "advice": DrsWavesError.advice,
            "correlationId": request_id,
        }
        return {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
