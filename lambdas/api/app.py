"""The handler of the API function: its routes, its errors as RFC 9457 problems, and direct invocations."""

import gc

gc.disable()  # What an import makes stays. To search it for garbage takes a tenth of the start.

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from api.http import response
from api.http.response import CORRELATION_HEADER, PROBLEM_JSON, RETRY_AFTER_SECONDS, RETRY_AFTER_STATUSES
from api.router import Api
from api.routes import (
    accounts,
    actions,
    capacity,
    cleanups,
    decisions,
    executions,
    groups,
    health,
    openapi,
    plans,
    recovery_instances,
    servers,
    source_servers,
    sync,
)
from api.routes.drills import assessments, compliance, drill_findings, evidence, history
from api.routes.drills import schedules as drill_schedules
from api.routes.launches import settings as launch_settings
from api.routes.readiness import answers, findings
from recovery.call_shares import CallShare, use_share
from recovery.errors import DrsWavesError, InvalidRequest, Transient
from recovery.observability.log_lines import write_log_line

logger = Logger(json_serializer=write_log_line)

app = Api(
    accounts.router,
    groups.router,
    plans.router,
    answers.router,
    drill_schedules.router,
    executions.router,
    findings.router,
    servers.router,
    decisions.router,
    actions.router,
    assessments.router,
    drill_findings.router,
    recovery_instances.router,
    sync.router,
    cleanups.router,
    capacity.router,
    compliance.router,
    launch_settings.router,
    evidence.router,
    history.router,
    source_servers.router,
    health.router,
    openapi.router,
)

gc.freeze()  # keeps later collections from searching it
gc.enable()


@app.exception_handler(DrsWavesError)  # type: ignore[untyped-decorator]  # powertools leaves it untyped
def refuse(error: DrsWavesError) -> Response[str]:
    """Answer an error of ours with its HTTP status and advice."""
    logger.warning("request refused", extra={"error": type(error).__name__, "reason": error.message})
    problems = {"problems": error.problems} if isinstance(error, InvalidRequest) else {}
    # The advice of transient errors is for state machines, which retry. Here the caller has to.
    advice = "Send the request again in a few seconds." if isinstance(error, Transient) else error.advice
    facts = {**problems, **error.facts}
    return _error(error.status, type(error).__name__, error.title(), error.message, advice, facts)


@app.not_found
def no_route(error: NotFoundError) -> Response[str]:
    """Answer 405 for a method that the path does not have, and 404 for a path that no route has."""
    method, path = app.current_event.http_method, app.current_event.path
    if methods := app.list_methods(app.current_event):
        allowed = ", ".join(methods)
        return _error(
            405,
            "MethodNotAllowed",
            "Method not allowed",
            f"{path} has no method {method}.",
            f"Its methods are {allowed}.",
            headers={"Allow": allowed},
        )
    advice = (
        "See docs/api.md for the routes. A path has no slash at its end, nothing encoded, "
        "and no word of a route as an id."
    )
    return _error(404, "NoSuchRoute", "No such route", f"There is no {method} {path}.", advice)


def _error(
    status: int,
    code: str,
    title: str,
    message: str,
    advice: str,
    facts: Mapping[str, Any] = MappingProxyType({}),
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response[str]:
    body = response.problem_body(status, code, title, message, advice, _correlation_id(), facts)
    again = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status in RETRY_AFTER_STATUSES else {}
    return Response(status, PROBLEM_JSON, body, headers={**again, **headers})


def _correlation_id() -> str:
    return app.current_event.request_context.get("requestId") or app.lambda_context.aws_request_id


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST, clear_state=True)
@use_share(CallShare.REQUEST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request of API Gateway, or a direct invocation, `{"operation": name}`.

    Every HTTP answer carries the correlation id of the log. An unexpected error is logged and answered with 500,
    without its text. A direct invocation raises its errors.
    """
    if "operation" in event and "httpMethod" not in event:
        return sync.run_direct_operation(event)
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
