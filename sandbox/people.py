"""Another person than the one who starts a run: a role of the hub account, taken on under a name."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.credentials import Credentials

from sandbox import clients
from sandbox.clients import Reply
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox

_ROLE = "on-duty"
# What names of roles and of their sessions may have in common.
_NAME = r"[A-Za-z0-9_.-]{2,40}"


class InvalidPerson(Exception):
    """A name that no role can have."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who calls the API as themselves; the record of a run names the role and `name`."""

    name: str
    api_url: str
    credentials: Credentials

    def request(self, method: str, path: str, body: Any = None) -> Reply:
        """Call the HTTP API."""
        return clients.call_api(self.api_url, self.credentials, method, path, body)


def introduce(sandbox: Sandbox, name: str) -> Person:
    """Make the role that may call the API, and take it on under this name."""
    return Person(name, sandbox.api_url, _take_on(sandbox.client, _ROLE, name))


def find_credentials(engine_url: str, secret: str, name: str) -> Credentials:
    """The credentials of this person in the sandbox at these addresses.

    Each person has a role, for the sessions of one role count as one person. Raise InvalidPerson.
    """
    if not re.fullmatch(_NAME, name):
        raise InvalidPerson(f"{name!r} is no name for a person: give 2 to 40 letters, digits, or any of _ . -")
    session = clients.create_session(HUB_ACCOUNT, REGION, secret)

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=engine_url, config=Config(proxies={}))  # type: ignore[call-overload]

    return _take_on(client, f"{_ROLE}-{name}", name)


def _take_on(client: Callable[[str], Any], role_name: str, name: str) -> Credentials:
    iam, role_arn = client("iam"), f"arn:aws:iam::{HUB_ACCOUNT}:role/{role_name}"
    principal = {"AWS": f"arn:aws:iam::{HUB_ACCOUNT}:root"}
    trust = _policy({"Principal": principal, "Action": "sts:AssumeRole"})
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=trust)
    allowed = _policy({"Action": "execute-api:Invoke", "Resource": "*"})
    iam.put_role_policy(RoleName=role_name, PolicyName="api", PolicyDocument=allowed)
    given = client("sts").assume_role(RoleArn=role_arn, RoleSessionName=name)["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
