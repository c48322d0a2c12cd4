"""The protocol: routing, validation and error responses."""

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, REGION, EmulatorClient
from loopback.guard import SECRET_HEADER

AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/drs/aws4_request, SignedHeaders=host, Signature=0"
)


def send(
    emulator: EmulatorClient, method: str, path: str, body: bytes = b"{}", authorization: str = AUTHORIZATION
) -> tuple[int, dict[str, str], Any]:
    """Send a request that no SDK would send."""
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=10)
    connection.request(method, path, body, {"Authorization": authorization, SECRET_HEADER: emulator.secret})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(text) if text else None


def test_every_operation_is_routed_and_a_missing_one_is_named(emulator: EmulatorClient) -> None:
    client = emulator.drs
    missing = emulator.control("GET", "health")[1]["operations"]["missing"]
    methods = client.meta.method_to_api_mapping
    quiet = boto3.client(
        "drs",
        endpoint_url=emulator.url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        aws_session_token=emulator.secret,
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    for method, operation in methods.items():
        if operation in missing:
            with pytest.raises(ClientError, match=operation) as refused:
                getattr(quiet, method)()
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_an_unknown_path_is_rejected(emulator: EmulatorClient) -> None:
    status, headers, _ = send(emulator, "POST", "/NoSuchThing")
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    ("path", "body", "field", "reason"),
    [
        ("/StartRecovery", b"{}", "sourceServers", "fieldValidationFailed"),
        ("/StartRecovery", b'{"sourceServers": []}', "sourceServers", "fieldValidationFailed"),
        ("/StartRecovery", b'{"sourceServers": [{}]}', "sourceServers[0].sourceServerID", "fieldValidationFailed"),
        ("/StartRecovery", b'{"sourceServers": "all"}', "sourceServers", "fieldValidationFailed"),
        ("/DescribeJobs", b'{"filters": {"jobIDs": ["drsjob-1"]}}', "filters.jobIDs[0]", "fieldValidationFailed"),
        (
            "/DescribeJobs",
            b'{"filters": {"fromDate": "yesterday and so"}}',
            "filters.fromDate",
            "fieldValidationFailed",
        ),
        ("/DescribeJobs", b'{"maxResults": 0}', "maxResults", "fieldValidationFailed"),
        ("/DescribeJobs", b'{"maxResults": true}', "maxResults", "fieldValidationFailed"),
        ("/DescribeJobs", b"{", None, "cannotParse"),
        ("/DescribeJobs", b"[]", None, "cannotParse"),
    ],
)
def test_a_request_that_breaks_the_model_is_rejected_and_its_field_is_named(
    emulator: EmulatorClient, path: str, body: bytes, field: str | None, reason: str
) -> None:
    emulator.seed()
    status, headers, answer = send(emulator, "POST", path, body)
    assert (status, headers["x-amzn-errortype"], answer["reason"]) == (400, "ValidationException", reason)
    assert field is None or field in [each["name"] for each in answer["fieldList"]]


def test_an_order_outside_the_enumeration_is_rejected(emulator: EmulatorClient) -> None:
    with pytest.raises(emulator.drs.exceptions.ValidationException, match=r"order: must be one of ASC, DESC"):
        emulator.drs.describe_recovery_snapshots(sourceServerID=emulator.seed()[0], order="SIDEWAYS")  # type: ignore[arg-type]


def test_a_date_that_does_not_exist_is_rejected(emulator: EmulatorClient) -> None:
    emulator.seed()
    with pytest.raises(emulator.drs.exceptions.ValidationException):
        emulator.drs.describe_jobs(filters={"fromDate": "2026-02-31T00:00:00Z"})


def test_members_unknown_to_the_model_are_ignored(emulator: EmulatorClient) -> None:
    emulator.seed()
    status, _, answer = send(
        emulator, "POST", "/DescribeSourceServers", b'{"tomorrow": 1, "filters": {"colour": "red"}}'
    )
    assert status == 200
    assert len(answer["items"]) == 1


def test_a_call_without_credentials_is_rejected(emulator: EmulatorClient) -> None:
    status, headers, _ = send(emulator, "POST", "/DescribeJobs", authorization="")
    assert (status, headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")


def test_tags_use_the_path_and_the_query(emulator: EmulatorClient) -> None:
    emulator.seed(tags={"tier": "web", "a b": "c&d"})
    drs = emulator.drs
    arn = drs.describe_source_servers()["items"][0]["arn"]
    drs.tag_resource(resourceArn=arn, tags={"owner": "ops"})
    drs.untag_resource(resourceArn=arn, tagKeys=["tier", "a b"])
    assert drs.list_tags_for_resource(resourceArn=arn)["tags"] == {"owner": "ops"}
    assert drs.describe_source_servers()["items"][0]["tags"] == {"owner": "ops"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda arn: arn[:-1] + "x", "ResourceNotFoundException"),
        (lambda arn: arn.replace("eu-west-1", "eu-west-2"), "ResourceNotFoundException"),
        (lambda arn: arn.replace(ACCOUNT, "9" * 12), "AccessDeniedException"),
    ],
)
def test_tags_of_an_unknown_resource_are_rejected(
    emulator: EmulatorClient, change: Callable[[str], str], error: str
) -> None:
    emulator.seed()
    arn = emulator.drs.describe_source_servers()["items"][0]["arn"]
    with pytest.raises(ClientError) as refused:
        emulator.drs.list_tags_for_resource(resourceArn=change(arn))
    assert refused.value.response["Error"]["Code"] == error
