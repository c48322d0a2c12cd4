"""Whose call it is: account and Region from a request's Authorization header. Signatures are not checked."""

import base64
import binascii
import re
import threading
from collections.abc import Callable

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from drs_emulator.errors import InternalServer, MissingCredentials, UnknownCredentials
from drs_emulator.target_key import TargetKey

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([a-z0-9-]+)/(?:drs|ec2)/aws4_request")
ACCOUNT = re.compile(r"\d{12}")
ENGINE_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=30)


class Accounts:
    """Knows the account of an access key; asks `resolve` for keys that are not themselves an account, once each."""

    def __init__(self, resolve: Callable[[str], str]) -> None:
        self._resolve = resolve
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def target(self, authorization: str) -> TargetKey:
        """Raises MissingCredentials, UnknownCredentials."""
        match = CREDENTIAL.search(authorization)
        if match is None:
            raise MissingCredentials("The request has no SigV4 Authorization header for the service drs")
        return TargetKey(self.account(match[1]), match[2])

    def account(self, access_key: str) -> str:
        if ACCOUNT.fullmatch(access_key):
            return access_key
        known = self._known.get(access_key)
        if known is None:
            with self._lock:
                known = self._known[access_key] = self._resolve(access_key)
        return known


def ask_engine(engine_url: str) -> Callable[[str], str]:
    """The engine vended the key, so its sts:GetAccessKeyInfo knows the account."""
    sts = boto3.client(
        "sts",
        endpoint_url=engine_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 (the engine takes any)
        config=ENGINE_CONFIG,
    )

    def resolve(access_key: str) -> str:
        if not 16 <= len(access_key) <= 128:  # what GetAccessKeyInfo itself demands
            raise UnknownCredentials(f"The access key id {access_key} is neither an account nor a key of the engine")
        try:
            return sts.get_access_key_info(AccessKeyId=access_key)["Account"]
        except ClientError as error:
            raise UnknownCredentials(f"The engine does not know the access key id {access_key}: {error}") from error
        except BotoCoreError as error:
            raise InternalServer(f"The engine at {engine_url} could not be asked whose key this is: {error}") from error

    return resolve


def decode_key(access_key: str) -> str:
    """The account that is written in the key itself, as AWS (and moto) does: 40 bits of base32 after the prefix."""
    try:
        leading = base64.b32decode(access_key[4:20])[:6]
    except binascii.Error:
        leading = b""
    if len(leading) < 6:
        raise UnknownCredentials(f"No account can be read from the access key id {access_key}; use a 12-digit account")
    return f"{(int.from_bytes(leading) & 0x7FFFFFFFFF80) >> 7:012d}"
