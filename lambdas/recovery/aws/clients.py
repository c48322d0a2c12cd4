"""Creating boto3 clients, and translating their transient failures.

All clients come from boto3's default session, which reads the model of a service once for all accounts and Regions.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from recovery.errors import AwsUnavailable

# Error codes after which the same call may succeed. Every 5xx status is transient as well.
TRANSIENT_CODES = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
}

# boto3's sessions are not thread-safe.
_creation_lock = Lock()


def create_client(service: str, config: Config | None = None) -> Any:
    """A client with the function's own role, in its own Region."""
    with _creation_lock:
        return boto3.client(service, config=config)  # type: ignore[call-overload]  # each service has a type of its own


def create_role_client(service: str, credentials: Mapping[str, Any], region: str, config: Config) -> Any:
    """A client with the credentials of an assumed role, in the given Region."""
    with _creation_lock:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            config=config,
        )


@contextmanager
def translate_transient_errors(what: str) -> Iterator[None]:
    """Raise AwsUnavailable for a throttle, a 5xx or a lost answer. Other errors pass through."""
    try:
        yield
    except ParamValidationError:  # a bug in the caller, not in the network
        raise
    except ClientError as error:
        if is_transient(error):
            raise AwsUnavailable(f"{what}: {error}") from error
        raise
    except BotoCoreError as error:
        raise AwsUnavailable(f"{what}: {error}") from error


def code_of(error: ClientError) -> str:
    """The error code that the service answered, "" when it gave none."""
    return str(error.response["Error"].get("Code", ""))


def is_transient(error: ClientError) -> bool:
    """Whether the same call may succeed later."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or code_of(error) in TRANSIENT_CODES
