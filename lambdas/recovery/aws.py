"""Clients of AWS's services, and which of their failures pass by themselves.

Made by botocore and not by boto3, which would import s3transfer with it: a tenth of a second of every cold start. All
share one session, which reads the model of a service once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from recovery.errors import AwsUnavailable

# Codes by which services say "later"; every 5xx says so too.
_LATER = {
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


_making = Lock()


@lru_cache(maxsize=1)
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def client(service: str, config: Config | None = None) -> Any:
    """A client with the function's own role, in its own Region."""
    with _making:  # sessions are not thread-safe
        return _session().create_client(service, config=config)


def client_of_role(service: str, credentials: Mapping[str, Any], region: str, config: Config) -> Any:
    """A client with the credentials that AssumeRole gave, in another Region."""
    with _making:
        return _session().create_client(
            service,
            region_name=region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            config=config,
        )


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Raise AwsUnavailable for a throttle, a 5xx or a lost answer of a call; other errors pass through."""
    try:
        yield
    except ParamValidationError:  # a bug of ours, not of the network
        raise
    except ClientError as error:
        if is_passing(error):
            raise AwsUnavailable(f"{what}: {error}") from error
        raise
    except BotoCoreError as error:
        raise AwsUnavailable(f"{what}: {error}") from error


def is_passing(error: ClientError) -> bool:
    """Would the same call succeed later?"""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or error.response["Error"].get("Code", "") in _LATER
