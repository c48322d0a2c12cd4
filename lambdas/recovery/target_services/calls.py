"""Calls of the services of a target: the only module that makes them.

Every call uses the target's assumed role and reserves a call of the service's budget. A failure becomes an error of
`recovery.errors` or `recovery.target_errors`, which state machines catch by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)

from recovery.aws import clients
from recovery.domain.caught_errors import describe_call
from recovery.domain.target import Target
from recovery.drs import assumed_roles, rate_limiter, retry
from recovery.errors import AwsUnavailable, DrsWavesError, RateBudgetExhausted, TargetAccessDenied
from recovery.observability import metrics
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services.permissions import Permission

# The budget of each service, by its name in boto3.
BUDGETS: Mapping[str, str] = {
    "ec2": rate_limiter.EC2_CALLS,
    "ssm": rate_limiter.SSM_CALLS,
    "elbv2": rate_limiter.ELB_CALLS,
    "lambda": rate_limiter.LAMBDA_CALLS,
    "stepfunctions": rate_limiter.STATES_CALLS,
    "events": rate_limiter.EVENTS_CALLS,
    "iam": rate_limiter.IAM_CALLS,
    "service-quotas": rate_limiter.QUOTAS_CALLS,
}

DENIED_CODES = frozenset(
    ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OptInRequired", "UnauthorizedException")
)

MISSING_CODES = frozenset(
    (
        "AutomationDefinitionNotFoundException",
        "AutomationDefinitionVersionNotFoundException",
        "AutomationExecutionNotFoundException",
        "ExecutionDoesNotExist",
        "InvalidCommandId",
        "InvalidCapacityReservationId.NotFound",
        "InvalidDocument",
        "InvalidDocumentVersion",
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateId.VersionNotFound",
        "NoSuchEntity",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
        "TargetGroupNotFound",
        "TargetGroupNotFoundException",
    )
)

# The service has done nothing, and the same call succeeds when fewer run or when an update has ended.
_BUSY_CODES = frozenset(
    ("AutomationExecutionLimitExceededException", "ExecutionLimitExceeded", "ResourceConflictException")
)

# Lambda answers these with 502, although they last until the function's owner changes something.
_LASTING_CODES = frozenset(
    (
        "EC2AccessDeniedException",
        "InvalidRuntimeException",
        "InvalidSecurityGroupIDException",
        "InvalidSubnetIDException",
        "InvalidZipFileException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
    )
)

# Errors of botocore after which the service has surely not received the call.
_NOT_SENT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)

# A shorter value would mask words of the message.
_MIN_HIDDEN = 4

# A filter of EC2 takes at most 200 values (EC2's API reference).
MAX_VALUES = 200

MAX_OUTPUT = 500
"""So many characters of an output are kept."""


def read(target: Target, service: str, method: str, /, *, permission: Permission, **parameters: Any) -> Any:
    """Make a call that changes nothing, with short retries, so that a brief fault does not cost a retry of the task.

    Raise what `change` raises, and RetryExhausted instead of AwsUnavailable.
    """
    operation = "".join(word.capitalize() for word in method.split("_"))
    return retry.call_with_retries(
        describe_call(operation, target.key),
        lambda: change(target, service, method, permission=permission, **parameters),
        on_retry=lambda attempt: metrics.count_retry(target, operation, attempt),
        retryable=(AwsUnavailable,),
    )


def read_pages(
    target: Target, service: str, method: str, /, *, permission: Permission, **parameters: Any
) -> Iterator[Mapping[str, Any]]:
    """Make a call for each page of a list, as pages are taken. Raise what `read` raises."""
    token: dict[str, str] = {}
    while True:
        page = read(target, service, method, permission=permission, **parameters, **token)
        yield page
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def read_filtered(
    target: Target,
    service: str,
    method: str,
    /,
    *,
    permission: Permission,
    by: str,
    values: Iterable[str] | None,
    page: int | None = 1_000,
    **parameters: Any,
) -> Iterator[Mapping[str, Any]]:
    """The pages of a list of EC2, of at most `page` entries, for each part of the values of its filter `by`.

    `page` is None for a list without pages. None as `values` lists everything. An unknown value hides no other, as an
    unknown id does. Raise what `read` raises.
    """
    ids = None if values is None else sorted(set(values))
    parts = [None] if ids is None else [ids[at : at + MAX_VALUES] for at in range(0, len(ids), MAX_VALUES)]
    for part in parts:
        filters: dict[str, Any] = {} if part is None else {"Filters": [{"Name": by, "Values": part}]}
        size = {} if page is None else {"MaxResults": page}
        yield from read_pages(target, service, method, permission=permission, **parameters, **size, **filters)


def change(
    target: Target,
    service: str,
    method: str,
    /,
    *,
    permission: Permission,
    hidden: Iterable[str] = (),
    read_timeout: int | None = None,
    **parameters: Any,
) -> Any:
    """Make one call within the rate limit of the service, and never a second one.

    `hidden` are values that no message may show, such as parameters of a document. Raise AwsUnavailable, with the fact
    `sent` (True if the call may have taken effect), RateBudgetExhausted, TargetAccessDenied, NotInTarget or
    TargetRefused; the last two with the fact `code`.
    """
    client = assumed_roles.get_client(service, target, read_timeout=read_timeout)
    operation = client.meta.method_to_api_mapping[method]
    try:
        rate_limiter.reserve_call(target, BUDGETS[service])
        answer = _send(client, target, method, permission, frozenset(hidden), parameters)
    except DrsWavesError as error:
        metrics.count_call(target, operation, type(error).__name__)
        if isinstance(error, RateBudgetExhausted):
            metrics.count_rate_limit(target, type(error).__name__)
        raise
    metrics.count_call(target, operation, "ok")
    return answer


def _send(
    client: Any,
    target: Target,
    method: str,
    permission: Permission,
    hidden: frozenset[str],
    parameters: Mapping[str, Any],
) -> Any:
    what = describe_call(client.meta.method_to_api_mapping[method], target.key)
    try:
        return getattr(client, method)(**parameters)
    except ClientError as error:
        refusal, cause = _read_refusal(client, target, what, permission, hidden, error), error
    except ParamValidationError as error:  # its text repeats the values
        names = ", ".join(sorted(parameters))
        raise TargetRefused(
            f"{what}: the form of {names} is not one that AWS takes", code=type(error).__name__
        ) from None
    except BotoCoreError as error:  # no answer: the connection was refused, lost or timed out
        raise AwsUnavailable(f"{what}: {error}", sent=not isinstance(error, _NOT_SENT)) from error
    raise refusal from None if hidden else cause  # the traceback of the cause shows its message


def _read_refusal(
    client: Any, target: Target, what: str, permission: Permission, hidden: frozenset[str], error: ClientError
) -> DrsWavesError:
    code = clients.code_of(error)
    message = f"{what}: {code}: {_mask(error.response['Error'].get('Message', ''), hidden)}"
    if code in assumed_roles.UNKNOWN_CREDENTIALS:
        return assumed_roles.build_refusal(client, target, message)
    if code in assumed_roles.STALE_CREDENTIALS:
        assumed_roles.discard_clients()
        return AwsUnavailable(message, sent=False)
    if code in DENIED_CODES:
        parameter = f"{message} (parameter {permission} of cfn/target_account.yaml)"
        return TargetAccessDenied(parameter, advice=permission.advice, parameter=permission.value)
    if code in MISSING_CODES:
        return NotInTarget(message, code=code)
    if code in _BUSY_CODES:
        return AwsUnavailable(message, sent=False)
    if clients.is_transient(error) and code not in _LASTING_CODES:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return AwsUnavailable(message, sent=status >= 500)
    return TargetRefused(message, code=code)


def _mask(text: str, hidden: Iterable[str]) -> str:
    for value in sorted(hidden, key=len, reverse=True):
        if len(value) >= _MIN_HIDDEN:
            text = text.replace(value, "***")
    return text


def shorten(text: str | None) -> str:
    """The first characters of an output or a message of a service."""
    return (text or "").strip()[:MAX_OUTPUT]
