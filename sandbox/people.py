"""Another person than the one who starts a run: a role of the hub account, taken on under a name."""

import json
from dataclasses import dataclass
from typing import Any

from botocore.credentials import Credentials

from sandbox import clients
from sandbox.clients import Reply
from sandbox.settings import HUB_ACCOUNT
from sandbox.stack import Sandbox

_ROLE = "on-duty"


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
    """Make the role that may call the API, and take it on under this name. Call it once for each sandbox."""
    principal = {"AWS": f"arn:aws:iam::{HUB_ACCOUNT}:root"}
    role = sandbox.client("iam").create_role(
        RoleName=_ROLE,
        AssumeRolePolicyDocument=_policy({"Principal": principal, "Action": "sts:AssumeRole"}),
    )["Role"]
    allowed = _policy({"Action": "execute-api:Invoke", "Resource": "*"})
    sandbox.client("iam").put_role_policy(RoleName=_ROLE, PolicyName="api", PolicyDocument=allowed)
    given = sandbox.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)["Credentials"]
    keys = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return Person(name, sandbox.api_url, keys)


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
