"""The HTTP API of drs-waves: one function behind API Gateway, a few lines a route."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from api.http import response
from api.http.response import CORRELATION_HEADER, PROBLEM_JSON
from api.routes import accounts, capacity, executions, groups, health, instances, openapi, plans, source_servers
from recovery.errors import DrsWavesError, InvalidRequest, Transient

logger = Logger()

app = APIGatewayRestResolver(strip_prefixes=[])


for part in (accounts, groups, plans, executions, instances, capacity, source_servers, health, openapi):
    app.include_router(part.router)


@app.exception_handler(DrsWavesError)  # type: ignore[untyped-decorator]  # powertools leaves it untyped
def refuse(error: DrsWavesError) -> Response[str]:
    """Any error of ours as its HTTP status, with what to do about it."""
    logger.warning("request refused", extra={"error": type(error).__name__, "reason": error.message})
    problems = {"problems": error.problems} if isinstance(error, InvalidRequest) else {}
    # Of what passes by itself, the tree says that the state machine waits; here it is the caller who does.
    advice = "Send the request again in a few seconds." if isinstance(error, Transient) else error.advice
    facts = {**problems, **error.facts}
    return _error(error.status, type(error).__name__, error.title(), error.message, advice, facts)


@app.not_found
def no_route(error: NotFoundError) -> Response[str]:
    """A path or method the API does not have."""
    asked = f"{app.current_event.http_method} {app.current_event.path}"
    return _error(404, "NoSuchRoute", "No such route", f"There is no {asked}.", "See docs/api.md for the routes.", {})


def _error(status: int, code: str, title: str, message: str, advice: str, facts: dict[str, Any]) -> Response[str]:
    body = response.problem_body(status, code, title, message, advice, _correlation_id(), facts)
    return Response(status, PROBLEM_JSON, body)


def _correlation_id() -> str:
    return app.current_event.request_context.get("requestId") or app.lambda_context.aws_request_id


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one API Gateway request. What is not one of our errors becomes a 500 and a log entry, never a leak.

    Every answer, good or bad, carries the id under which the function's log has it. A direct invocation names an
    `operation` instead; its errors are raised, as whoever invokes a function expects.
    """
    if "operation" in event and "httpMethod" not in event:
        return instances.operate(event)
    correlation_id = (event.get("requestContext") or {}).get("requestId") or context.aws_request_id
    headers = {CORRELATION_HEADER: [correlation_id]}
    try:
        answer = app.resolve(event, context)
    except Exception:  # the boundary: API Gateway would answer an empty 502
        logger.exception("unexpected error")
        body = response.problem_body(
            500,
            "InternalError",
            "Internal error",
            "Something went wrong on our side.",
            DrsWavesError.advice,
            correlation_id,
            {},
        )
        answer = {
            "statusCode": 500,
            "multiValueHeaders": {"Content-Type": [PROBLEM_JSON]},
            "body": body,
            "isBase64Encoded": False,
        }
    return {**answer, "multiValueHeaders": {**answer.get("multiValueHeaders", {}), **headers}}
