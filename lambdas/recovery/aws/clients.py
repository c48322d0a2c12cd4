"""Clients of AWS's services, and which of their failures pass by themselves.

All are made by boto3's default session, which reads the model of a service once, however many accounts and Regions
are asked.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from recovery.errors import AwsUnavailable

# Codes by which services say "later"; every 5xx says so too.
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
    """A client with the credentials that AssumeRole gave, in another Region."""
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
    """Raise AwsUnavailable for a throttle, a 5xx or a lost answer of a call; other errors pass through."""
    try:
        yield
    except ParamValidationError:  # a bug of ours, not of the network
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
    """Would the same call succeed later?"""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or code_of(error) in TRANSIENT_CODES
