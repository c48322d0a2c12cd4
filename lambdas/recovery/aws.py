"""Which failures of AWS's own services pass by themselves, under the one name the state machines know them by."""

from collections.abc import Iterator
from contextlib import contextmanager

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
