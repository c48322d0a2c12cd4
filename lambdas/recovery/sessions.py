"""Clients of target accounts: by assumed role with an external id, kept for as long as the role lasts."""

import time
from functools import lru_cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from recovery import catalog
from recovery.errors import TargetAccessDenied
from recovery.target import Target

# An assumed role lasts an hour by default; clients are made anew well before, so none signs with a dead one.
SESSION_SECONDS = 3_000

# boto3 itself does not retry: each try has to go through the target's budget, and a start must never be sent twice.
CONFIG = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)

_lock = Lock()


def client(service: str, target: Target) -> Any:
    """A client of the service in the target's account and Region. Raise TargetAccessDenied, TargetNotRegistered."""
    with _lock:  # making clients is not thread-safe in boto3
        return _client(service, target, int(time.monotonic() // SESSION_SECONDS))


def forget() -> None:
    """Make every client anew at its next use: credentials were refused."""
    _client.cache_clear()


@lru_cache(maxsize=64)
def _client(service: str, target: Target, period: int) -> Any:
    session: Any = _session(target)  # typed, client() would want one of 400 literals
    return session.client(service, region_name=target.region, config=CONFIG)


@lru_cache(maxsize=1)
def _sts() -> Any:
    return boto3.client("sts", config=Config(retries={"mode": "standard", "max_attempts": 5}))


def _session(target: Target) -> boto3.Session:
    account = catalog.target_account(target.account_id)
    try:
        answer = _sts().assume_role(
            RoleArn=account.role_arn, RoleSessionName="drs-waves", ExternalId=account.external_id
        )
    except (ClientError, BotoCoreError) as error:
        raise TargetAccessDenied(f"cannot take on {account.role_arn}: {error}") from error
    credentials = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )
