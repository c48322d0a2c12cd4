"""Clients in target accounts, through an assumed role with an external id, cached while the credentials last.

A session carries the name of the function as its session name and as a tag. The function's own role permits no other
tag value, and cfn/target_account.yaml permits starts and terminations only to sessions with the tags of the functions
that do them. The session name serves readers of CloudTrail; no policy checks it.
"""

import time
from functools import lru_cache
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from botocore.config import Config
from botocore.exceptions import ClientError

from recovery import regions
from recovery.aws import clients
from recovery.catalog import accounts
from recovery.domain.target import Target
from recovery.errors import AwsUnavailable, RegionNotEnabled, TargetAccessDenied
from recovery.settings import settings

# Credentials of this age or less, in seconds, cannot have expired: a session lasts an hour.
FRESH_SECONDS = 900

# Replace clients this long before their credentials expire.
EXPIRY_MARGIN_SECONDS = 300

FUNCTION_TAG = "drs-waves:function"

# Codes of DRS and EC2. The credentials expired while the function was frozen; the next attempt assumes the role again.
STALE_CREDENTIALS = frozenset(("ExpiredTokenException", "ExpiredToken", "RequestExpired"))

# Codes for expired credentials, or for those of an account that has not enabled the Region: see `build_refusal`.
UNKNOWN_CREDENTIALS = frozenset(("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"))

# botocore must not retry: each attempt has to pass the rate limiter, and a start must never be sent twice.
CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)

# For calls that start a job. DRS can take more than a minute to answer one with a hundred servers, and a call that we
# stop waiting for goes on in DRS. The functions that make them have 180 seconds.
SLOW_METHODS = frozenset(("start_recovery", "terminate_recovery_instances"))
SLOW_CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=120)

_lock = Lock()

# When the credentials of each client were obtained, in seconds since the epoch.
_obtained_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


def get_client(service: str, target: Target, is_slow: bool = False, read_timeout: int | None = None) -> Any:
    """A client of the service in the target's account and Region.

    It waits longer for answers if `is_slow`, or as many seconds as `read_timeout` says.

    Raise TargetAccessDenied, TargetNotRegistered, AwsUnavailable when STS does not answer.
    """
    with _lock:  # so that threads that ask at once assume the role once
        credentials, _ = _cached_credentials(target)
        if time.time() > credentials["Expiration"].timestamp() - EXPIRY_MARGIN_SECONDS:
            discard_clients()
        return _cached_client(service, target, is_slow, read_timeout)


def build_refusal(client: Any, target: Target, what: str) -> AwsUnavailable | RegionNotEnabled:
    """The error for credentials of the client that the service does not know; the caller raises it.

    A Region that the account has not enabled knows no credentials of the account. Older credentials may have expired
    instead, so they are discarded and the error is transient; the next attempt assumes the role again.
    """
    is_fresh = time.time() - _obtained_at.get(client, 0) <= FRESH_SECONDS
    if is_fresh and regions.is_opt_in(target.region):
        return RegionNotEnabled(
            f"{what}: the Region {target.region} may not be enabled in account {target.account_id}: it is an opt-in "
            "Region, and it does not know new credentials of the account"
        )
    discard_clients()
    return AwsUnavailable(what)


def discard_clients() -> None:
    """Create every client again at its next use, because credentials were refused."""
    _cached_client.cache_clear()
    _cached_credentials.cache_clear()


@lru_cache(maxsize=64)
def _cached_client(service: str, target: Target, is_slow: bool, read_timeout: int | None) -> Any:
    credentials, obtained_at = _cached_credentials(target)
    config = SLOW_CONFIG if is_slow else CONFIG
    if read_timeout:  # something on the way may forget a connection that is silent for minutes
        config = config.merge(Config(read_timeout=read_timeout, tcp_keepalive=True))
    made = clients.create_role_client(service, credentials, target.region, config)
    _obtained_at[made] = obtained_at
    return made


@lru_cache(maxsize=64)
def _cached_credentials(target: Target) -> tuple[Any, float]:
    return _assume_role(target), time.time()


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
