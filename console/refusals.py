"""What pages say of an error: its title, what to do, and the id by which its request is found in the function's log."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused, describe_refusal

# What a sandbox answers to those who know the secret of an earlier one.
_OF_ANOTHER_SANDBOX = "The listener wrote its secret to a file when it started"


@dataclass(frozen=True, slots=True)
class ShownError:
    """An error in the words of a page. `correlation_id` is the API's, and `run_id` the run that is in the way.

    `is_lost` says that no answer came, so that what was asked for may have been done.
    """

    title: str
    lines: tuple[str, ...]
    status: int
    code: str = ""
    correlation_id: str = ""
    run_id: str = ""
    is_lost: bool = False


def describe_error(error: Exception) -> ShownError:
    """The words for an error that a page expects."""
    if isinstance(error, ApiRefused):
        body: Mapping[str, Any] = error.reply.body if isinstance(error.reply.body, dict) else {}
        lines = tuple(describe_refusal(body)) or (str(error.reply.body),)
        if any(_OF_ANOTHER_SANDBOX in line for line in lines):
            lines = (
                "The sandbox was started anew, and this console belongs to the one before. Start this console again.",
            )
        title = "The API refused this" if error.reply.status < 500 else "The API failed"
        correlation_id, run_id = (str(body.get(name) or "") for name in ("correlationId", "executionId"))
        return ShownError(title, lines, error.reply.status, error.code, correlation_id, run_id)
    if isinstance(error, CredentialsExpired):
        return ShownError("The AWS credentials have expired", tuple(str(error).splitlines()), 503)
    if isinstance(error, ApiUnreachable):
        return ShownError("The API does not answer", tuple(str(error).splitlines()), 503)
    if isinstance(error, HTTPException):
        return ShownError(HTTPStatus(error.status_code).phrase, (error.detail,), error.status_code)
    raise error
