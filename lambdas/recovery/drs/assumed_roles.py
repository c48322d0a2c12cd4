"""Clients in target accounts, through an assumed role with an external id, cached while the credentials last.

A session carries the name of the function as its session name and as a tag. The function's own role permits no other
tag value, and cfn/target_account.yaml permits starts and terminations only to sessions with the tags of the functions
that do them. The session name serves readers of CloudTrail; no policy checks it.
"""

import time
from functools import lru_cache
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from recovery.aws import clients
from recovery.catalog import accounts
from recovery.domain.target import Target
from recovery.errors import TargetAccessDenied
from recovery.settings import settings

# Replace clients this long before their credentials expire.
EXPIRY_MARGIN_SECONDS = 300

FUNCTION_TAG = "drs-waves:function"

# botocore must not retry: each attempt has to pass the rate limiter, and a start must never be sent twice.
CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)

# For calls that start a job. DRS can take more than a minute to answer one with a hundred servers, and a call that we
# stop waiting for goes on in DRS. The functions that make them have 180 seconds.
SLOW_METHODS = frozenset(("start_recovery", "terminate_recovery_instances"))
SLOW_CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=120)

_lock = Lock()


def get_client(service: str, target: Target, is_slow: bool = False) -> Any:
    """A client of the service in the target's account and Region, which waits longer for answers if `is_slow`.

    Raise TargetAccessDenied, TargetNotRegistered, AwsUnavailable when STS does not answer.
    """
    with _lock:  # so that threads that ask at once assume the role once
        if time.time() > _cached_credentials(target)["Expiration"].timestamp() - EXPIRY_MARGIN_SECONDS:
            discard_clients()
        return _cached_client(service, target, is_slow)


def discard_clients() -> None:
    """Create every client again at its next use, because credentials were refused."""
    _cached_client.cache_clear()
    _cached_credentials.cache_clear()


@lru_cache(maxsize=64)
def _cached_client(service: str, target: Target, is_slow: bool) -> Any:
    config = SLOW_CONFIG if is_slow else CONFIG
    return clients.create_role_client(service, _cached_credentials(target), target.region, config)


@lru_cache(maxsize=64)
def _cached_credentials(target: Target) -> Any:
    return _assume_role(target)


@lru_cache(maxsize=1)
def _sts() -> Any:
    return clients.create_client("sts", Config(retries={"mode": "standard", "max_attempts": 5}))


def _assume_role(target: Target) -> Any:
    account = accounts.get_registered_account(target.account_id)
    function = settings().function_name  # of 64 characters at most, as the name of a session
    with clients.translate_transient_errors(f"AssumeRole {account.role_arn}"):
        try:
            answer = _sts().assume_role(
                RoleArn=account.role_arn,
                RoleSessionName=function,
                ExternalId=account.external_id,
                Tags=[{"Key": FUNCTION_TAG, "Value": function}],
            )
        except ClientError as error:
            if clients.is_transient(error):
                raise
            raise TargetAccessDenied(f"cannot assume {account.role_arn}: {error}") from error
    return answer["Credentials"]
