"""Finds the account and the Region of a call in its Authorization header, and checks that its caller is known.

Does not check signatures. Who has the secret of the emulator, or credentials that the engine issued, is known.
"""

import base64
import binascii
import re
import threading
from collections.abc import Callable, Mapping

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from drs_emulator.errors import InternalServer, MissingCredentials, UnknownCredentials
from drs_emulator.target_key import TargetKey
from loopback.guard import SECRET_HEADER, is_trusted

SERVICES = "drs|ec2|ssm|elasticloadbalancing|iam|servicequotas"
CREDENTIAL = re.compile(rf"Credential=([^/,\s]+)/\d{{8}}/([a-z0-9-]+)/(?:{SERVICES})/aws4_request")
ACCOUNT = re.compile(r"\d{12}")
ENGINE_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=5, read_timeout=30)


class AccessKeys:
    """Maps access keys to accounts. A 12-digit key is an account itself; `resolve` is called once for any other key.

    A caller sends the `secret` as its session token. With `issuer`, the secret of an engine that is guarded as the
    emulator is, session tokens of that engine are as good. `trusts_resolve` accepts any key that `resolve` knows.
    """

    def __init__(
        self, resolve: Callable[[str], str], secret: str, *, issuer: str | None = None, trusts_resolve: bool = False
    ) -> None:
        self._resolve = resolve
        self._secret = secret
        self._issuer = issuer
        self._trusts_resolve = trusts_resolve
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def target_of(self, headers: Mapping[str, str]) -> TargetKey:
        """Raise MissingCredentials and UnknownCredentials. The names of `headers` are in lower case."""
        match = CREDENTIAL.search(headers.get("authorization", ""))
        if match is None:
            raise MissingCredentials("The request has no SigV4 Authorization header for the service drs")
        self._require_known(match[1], headers.get(SECRET_HEADER.lower(), ""))
        return TargetKey(self._account_of(match[1]), match[2])

    def _require_known(self, access_key: str, token: str) -> None:
        is_issued = self._issuer is not None and is_trusted(token, self._issuer)
        if is_issued or is_trusted(token, self._secret):
            return
        if ACCOUNT.fullmatch(access_key) or not self._trusts_resolve:
            raise UnknownCredentials(
                "The session token is not the secret of this emulator. Source the file of --env-file, "
                "which sets AWS_SESSION_TOKEN, or send the secret as X-Amz-Security-Token."
            )

    def _account_of(self, access_key: str) -> str:
        if ACCOUNT.fullmatch(access_key):
            return access_key
        known = self._known.get(access_key)
        if known is None:
            with self._lock:
                known = self._known[access_key] = self._resolve(access_key)
        return known


def engine_account_lookup(engine_url: str, token: str | None = None) -> Callable[[str], str]:
    """Return a lookup by sts:GetAccessKeyInfo of the engine, which issued the key. `token` is for a guarded engine."""
    sts = boto3.client(
        "sts",
        endpoint_url=engine_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 (the engine accepts any)
        aws_session_token=token,
        config=ENGINE_CONFIG,
    )

    def resolve(access_key: str) -> str:
        if not 16 <= len(access_key) <= 128:  # the limits of GetAccessKeyInfo
            raise UnknownCredentials(f"The access key id {access_key} is neither an account nor a key of the engine")
        try:
            return sts.get_access_key_info(AccessKeyId=access_key)["Account"]
        except ClientError as error:
            raise UnknownCredentials(f"The engine does not know the access key id {access_key}: {error}") from error
        except BotoCoreError as error:
            raise InternalServer(f"The engine at {engine_url} could not look up the access key: {error}") from error

    return resolve


def decode_account(access_key: str) -> str:
    """Decode the account from the key, as AWS and moto encode it: 40 bits in base32 after the prefix."""
    try:
        encoded = base64.b32decode(access_key[4:20])[:6]
    except binascii.Error:
        encoded = b""
    if len(encoded) < 6:
        raise UnknownCredentials(f"The access key id {access_key} contains no account; use a 12-digit account id")
    return f"{(int.from_bytes(encoded) & 0x7FFFFFFFFF80) >> 7:012d}"
