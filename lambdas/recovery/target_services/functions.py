"""Functions of Lambda in a target."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError

from recovery.domain.target import Target
from recovery.errors import AwsUnavailable
from recovery.target_errors import TargetRefused
from recovery.target_services import calls
from recovery.target_services.permissions import Permission

# A synchronous call takes 6 MB each way (Lambda's quotas). Ours are far smaller, and no record keeps more.
MAX_PAYLOAD = 256_000
MAX_ANSWER = 64_000


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What a function returned. `error` is empty, or the type of the error with which it failed.

    `output` is the beginning of its answer as JSON, or the message of the error.
    """

    error: str
    output: str

    @property
    def has_succeeded(self) -> bool:
        """Whether the function returned, and did not raise or time out."""
        return not self.error


def invoke(target: Target, function: str, payload: Mapping[str, Any], read_timeout: int) -> FunctionResult:
    """Call a function, by name or ARN, and wait `read_timeout` seconds for its answer.

    Raise NotInTarget, TargetRefused, TargetAccessDenied, and errors that are transient: AwsUnavailable with `sent`
    True means that the function may run or have run.
    """
    body = json.dumps(payload)
    if len(body) > MAX_PAYLOAD:
        raise TargetRefused(
            f"Invoke in {target.key}: the payload has more than {MAX_PAYLOAD} characters", code="TooLarge"
        )
    answer = calls.change(
        target,
        "lambda",
        "invoke",
        permission=Permission.FUNCTIONS,
        read_timeout=read_timeout,
        FunctionName=function,
        InvocationType="RequestResponse",
        Payload=body.encode(),
    )
    try:
        read = answer["Payload"].read(MAX_ANSWER)
        answer["Payload"].read(1)  # botocore notices at the end of the body that some of it is missing
    except BotoCoreError as error:  # the connection broke while the answer was read
        raise AwsUnavailable(f"Invoke in {target.key}: the answer was cut off", sent=True) from error
    text = read.decode(errors="replace")
    if answer.get("FunctionError"):
        return _read_error(answer["FunctionError"], text)
    return FunctionResult("", calls.shorten(text))


def look_up(target: Target, function: str) -> None:
    """Ask whether the function exists. The parameter that permits its call permits this too.

    Raise NotInTarget, TargetRefused, TargetAccessDenied, and errors that are transient.
    """
    calls.read(target, "lambda", "get_function_configuration", permission=Permission.FUNCTIONS, FunctionName=function)


def _read_error(kind: str, text: str) -> FunctionResult:
    """Read what the runtimes of Lambda answer for an error: errorType and errorMessage. `kind` is Lambda's word."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return FunctionResult(kind, calls.shorten(text))
    return FunctionResult(
        str(said.get("errorType") or kind)[:100], calls.shorten(str(said.get("errorMessage") or text))
    )
