"""Whom the engine answers: programs with its secret, with and without the patches, and nobody else."""

import http.client
import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from loopback.guard import SECRET_HEADER, is_trusted
from tests.support.ministack import ACCOUNT, REGION, ROOT, SECRET, MiniStack, client

CONFIG = Config(proxies={}, retries={"total_max_attempts": 1})


@pytest.fixture(params=["patched", "unpatched"])
def engine(request: pytest.FixtureRequest) -> MiniStack:
    running: MiniStack = request.getfixturevalue(request.param)
    return running


def send(engine: MiniStack, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(urlsplit(engine.url).netloc, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


PATHS = ["/_ministack/health", "/_ministack/config", "/_ministack/reset", "/", "/2015-03-31/functions", "/toy"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "attacker.example"},
        {"Host": "toy.localhost:4566"},
        {SECRET_HEADER: "guessed"},
        {SECRET_HEADER: ""},
    ],
    ids=lambda headers: "-".join(*headers.items()),
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_request_is_refused_at_every_path(
    engine: MiniStack, method: str, path: str, foreign: dict[str, str]
) -> None:
    status, headers, text = send(engine, method, path, {SECRET_HEADER: SECRET, **foreign})
    assert status == 403, text
    assert "This listener" in text or SECRET_HEADER in text
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", PATHS[:2])
def test_an_answer_has_no_header_that_lets_pages_read_it(engine: MiniStack, path: str) -> None:
    status, headers, _ = send(engine, "GET", path, {SECRET_HEADER: SECRET})
    assert status != 403
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("service", ["lambda", "iam", "s3", "ec2", "dynamodb", "stepfunctions", "sts", "cloudwatch"])
def test_an_sdk_shows_why_it_is_refused(patched: MiniStack, service: str) -> None:
    calls = {
        "lambda": "list_functions",
        "iam": "list_users",
        "s3": "list_buckets",
        "ec2": "describe_instances",
        "dynamodb": "list_tables",
        "stepfunctions": "list_state_machines",
        "sts": "get_caller_identity",
        "cloudwatch": "list_metrics",
    }
    session = boto3.Session(ACCOUNT, "test", region_name=REGION)
    stranger = session.client(service, endpoint_url=patched.url, config=CONFIG)  # type: ignore[call-overload]
    with pytest.raises(ClientError, match=f"no {SECRET_HEADER}.*AWS_SESSION_TOKEN"):
        getattr(stranger, calls[service])()
    assert getattr(client(patched.url, service), calls[service])()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_websocket_is_refused(patched: MiniStack) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", SECRET_HEADER: SECRET}
    assert send(patched, "GET", "/_aws/execute-api/aaaaaaaa/v1", {**upgrade, **key})[0] == 403


def test_temporary_credentials_are_accepted_and_cannot_be_derived(patched: MiniStack) -> None:
    role = patched.client("iam").create_role(
        RoleName="guest", AssumeRolePolicyDocument=json.dumps(_trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
    )["Role"]["Arn"]
    tokens = [
        patched.client("sts").assume_role(RoleArn=role, RoleSessionName="any")["Credentials"]["SessionToken"]
        for _ in range(2)
    ]
    assert tokens[0] != tokens[1]
    assert all(is_trusted(token, SECRET) for token in tokens)


def test_a_function_calls_the_engine_with_a_token_that_its_arn_does_not_give_away(patched: MiniStack) -> None:
    event = {"read": "AWS_SESSION_TOKEN"}
    token = patched.invoke(event)["value"]
    assert is_trusted(token, SECRET)
    assert token != SECRET
    assert patched.invoke(event)["value"] == token


def test_the_engine_does_not_start_without_a_secret() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    for secret in ("", "short"):
        done = subprocess.run(
            [sys.executable, "-m", "sandbox.engine"],
            env={**environment, "GATEWAY_PORT": "1", "AWS_SESSION_TOKEN": secret},
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
        )
        assert done.returncode == 1
        assert "AWS_SESSION_TOKEN must be a secret" in done.stderr


def _trust(principal: dict[str, Any]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_presigned_url_reads_its_version_and_no_other_without_a_header(patched: MiniStack) -> None:
    session = boto3.Session(ACCOUNT, "test", SECRET, region_name=REGION)
    config = Config(proxies={}, signature_version="s3v4", s3={"addressing_style": "path"})
    s3 = session.client("s3", endpoint_url=patched.url, config=config)
    s3.create_bucket(Bucket="presigned", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="presigned", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="presigned", Key="file", Body=b"first")["VersionId"]
    s3.put_object(Bucket="presigned", Key="file", Body=b"second")
    parameters = {"Bucket": "presigned", "Key": "file", "VersionId": first}
    path = s3.generate_presigned_url("get_object", Params=parameters).removeprefix(patched.url)
    status, _, text = send(patched, "GET", path, {})
    assert (status, text) == (200, "first")
    status, _, text = send(patched, "GET", path.replace(SECRET, "guess"), {})
    assert (status, "first" in text) == (403, False)
