"""Clients of the sandbox: boto3 sessions of its accounts, signed requests to the HTTP API, and emulator control.

Each sends `secret`, the secret of the sandbox, as the session token of its credentials, or a token that STS issued.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from loopback.guard import SECRET_HEADER
from sandbox.settings import HUB_ACCOUNT, REGION, SECRET_KEY, SandboxError

# Opens URLs of this machine, whatever proxies the environment names.
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the HTTP API; `body` is the parsed JSON, or the text if it is not JSON.

    Names of `headers` are in lower case.
    """

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def create_session(account: str, region: str, secret: str) -> boto3.Session:
    """Create a session with the credentials of an account's root, which reads no profile or configuration file."""
    core = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    core.set_config_variable("config_file", os.devnull)
    core.set_config_variable("credentials_file", os.devnull)
    return boto3.Session(account, SECRET_KEY, secret, region_name=region, botocore_session=core)


def root_credentials(secret: str) -> Credentials:
    """The credentials of the hub account's root."""
    return Credentials(HUB_ACCOUNT, SECRET_KEY, secret)


def call_api(api_url: str, credentials: Credentials, method: str, path: str, body: Any = None) -> Reply:
    """Call the HTTP API as an operator does, signed with IAM credentials of the hub account."""
    url = f"{api_url}/{quote(path.lstrip('/'), safe='/?&=%+:,')}"
    data = None if body is None else json.dumps(body).encode()
    signed = AWSRequest(method, url, headers={"Content-Type": "application/json"}, data=data)
    SigV4Auth(credentials, "execute-api", REGION).add_auth(signed)
    # The URL begins with the sandbox's own, so it has no other scheme than HTTP.
    request = urllib.request.Request(url, data, dict(signed.headers), method=method)  # noqa: S310
    try:
        with LOCAL.open(request, timeout=60) as response:
            return _reply(response.status, response.read(), response.headers.items())
    except urllib.error.HTTPError as error:
        return _reply(error.code, error.read(), error.headers.items())


def control_emulator(drs_url: str, secret: str, method: str, path: str, body: Any = None) -> Any:
    """Call the control API of the DRS emulator. Raise SandboxError if it refuses."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{drs_url}/_emulator{path}", data, {SECRET_HEADER: secret}, method=method)  # noqa: S310
    try:
        with LOCAL.open(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise SandboxError(f"the DRS emulator refused {method} {path}: {error.read().decode()}") from error


def is_healthy(url: str, secret: str) -> bool:
    """Return whether a listener of the sandbox answers a GET of this URL with a status below 400."""
    request = urllib.request.Request(url, headers={SECRET_HEADER: secret})  # noqa: S310
    try:
        with LOCAL.open(request, timeout=5):
            return True
    except OSError:  # of which urllib's errors are a kind
        return False


def _reply(status: int, payload: bytes, headers: Iterable[tuple[str, str]]) -> Reply:
    lower = {name.lower(): value for name, value in headers}
    try:
        return Reply(status, json.loads(payload), lower)
    except ValueError:
        return Reply(status, payload.decode(errors="replace"), lower)
