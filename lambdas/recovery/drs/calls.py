"""Calls of DRS: the only module that makes them.

Every call uses the target's assumed role, reserves a call from the target's rate limiter, and passes its circuit
breaker. A failure becomes an error of `recovery.errors`, which state machines catch by name.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from recovery.domain.caught_errors import describe_call
from recovery.domain.target import Target
from recovery.drs import assumed_roles, circuit_breaker, rate_limiter, retry
from recovery.errors import (
    AwsUnavailable,
    DrsRefused,
    DrsThrottled,
    DrsUnavailable,
    DrsWavesError,
    QuotaExceeded,
    RateBudgetExhausted,
    ServerBusy,
    TargetAccessDenied,
    TargetNotInitialized,
)
from recovery.observability import metrics

ERROR_BY_CODE: Mapping[str, type[DrsWavesError]] = {
    "ThrottlingException": DrsThrottled,
    "TooManyRequestsException": DrsThrottled,
    "RequestLimitExceeded": DrsThrottled,
    "InternalServerException": DrsUnavailable,
    "ConflictException": ServerBusy,
    "ServiceQuotaExceededException": QuotaExceeded,
    "UninitializedAccountException": TargetNotInitialized,
    "AccessDeniedException": TargetAccessDenied,
}

# Errors of botocore after which DRS has surely not received the call.
_NOT_SENT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)


def call(target: Target, method: str, **parameters: Any) -> Any:
    """Make one call within the target's rate limit and circuit breaker. Raise errors of `recovery.errors` only."""
    client = assumed_roles.get_client("drs", target, is_slow=method in assumed_roles.SLOW_METHODS)
    operation = client.meta.method_to_api_mapping[method]
    try:
        rate_limiter.reserve_call(target)
        answer = circuit_breaker.call_through_circuit(target, lambda: _send(client, method, target, parameters))
    except DrsWavesError as error:
        metrics.count_call(target, operation, type(error).__name__)
        if isinstance(error, DrsThrottled | RateBudgetExhausted):
            metrics.count_rate_limit(target, type(error).__name__)
        raise
    metrics.count_call(target, operation, "ok")
    return answer


def _send(client: Any, method: str, target: Target, parameters: Mapping[str, Any]) -> Any:
    what = describe_call(client.meta.method_to_api_mapping[method], target.key)
    try:
        return getattr(client, method)(**parameters)
    except ClientError as error:
        answer = error.response["Error"]
        code = answer.get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = ERROR_BY_CODE.get(code) or _error_by_status(status)
        if code in assumed_roles.UNKNOWN_CREDENTIALS:
            raise assumed_roles.build_refusal(client, target, f"{what}: {code}: {answer.get('Message', '')}") from error
        if code in assumed_roles.STALE_CREDENTIALS:
            assumed_roles.discard_clients()
            kind = AwsUnavailable
        resource = cast("Mapping[str, Any]", error.response).get("resourceId")
        facts = {"resource": resource} if resource else {}
        raise kind(f"{what}: {code}: {answer.get('Message', '')}", **facts) from error
    except ParamValidationError as error:  # botocore refused to send it, so it says nothing about the Region
        raise DrsRefused(f"{what}: {error}") from error
    except BotoCoreError as error:  # no answer: the connection was refused, lost or timed out
        slow = method in assumed_roles.SLOW_METHODS and isinstance(error, ReadTimeoutError)
        raise DrsUnavailable(f"{what}: {error}", sent=not isinstance(error, _NOT_SENT), slow=slow) from error


def _error_by_status(status: int) -> type[DrsWavesError]:
    if status == 429:
        return DrsThrottled
    return DrsUnavailable if status >= 500 else DrsRefused


def read(target: Target, method: str, **parameters: Any) -> Any:
    """Make a call that changes nothing, with short retries, so that a brief fault does not cost a retry of the task."""
    operation = "".join(word.capitalize() for word in method.split("_"))
    return retry.call_with_retries(
        describe_call(operation, target.key),
        lambda: call(target, method, **parameters),
        on_retry=lambda attempt: metrics.count_retry(target, operation, attempt),
    )


@contextmanager
def many_reads(target: Target) -> Iterator[None]:
    """Make many reads in a row with a few writes and reads of the limits table, instead of two for each of them."""
    with rate_limiter.reserve_in_blocks(target), circuit_breaker.remember_circuit():
        yield


def read_pages(target: Target, method: str, *, member: str = "items", **parameters: Any) -> Iterator[list[Any]]:
    """The items of each page; each page is a call of its own. A page without this member of the answer is empty."""
    token: dict[str, str] = {}
    while True:
        answer = read(target, method, **parameters, **token)
        yield answer.get(member) or []
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}
