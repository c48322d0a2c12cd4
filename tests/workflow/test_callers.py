"""Records and messages tell the part of a caller's name that STS verified from the part that the caller chose."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from api.http.request import caller, name_caller
from tests.support.cleanups import read
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_plan
from tests.support.product import Product

ROLE = "arn:aws:sts::111122223333:assumed-role/Responder"
NAMED = f"{ROLE} (session name: ana)"


def event(arn: str) -> APIGatewayProxyEvent:
    return APIGatewayProxyEvent({"requestContext": {"identity": {"userArn": arn, "sourceIp": "127.0.0.1"}}})


@pytest.mark.parametrize(
    ("arn", "named"),
    [
        (f"{ROLE}/ana", NAMED),
        (f"{ROLE}/ana@example.com", f"{ROLE} (session name: ana@example.com)"),
        (
            "arn:aws-us-gov:sts::111122223333:federated-user/ana",
            "arn:aws-us-gov:sts::111122223333:federated-user (session name: ana)",
        ),
        ("arn:aws:iam::111122223333:user/team/ana", "arn:aws:iam::111122223333:user/team/ana"),
        ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
        ("", "127.0.0.1"),
    ],
)
def test_the_name_of_a_session_stands_apart_from_the_verified_part(arn: str, named: str) -> None:
    assert name_caller(event(arn)) == named


def headers(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


SESSION_NAME = Session().get_service_model("sts").shape_for("roleSessionNameType").metadata["pattern"]


@given(role=st.from_regex(r"\A[\w+=,.@-]{1,64}\Z"), name=st.from_regex(rf"\A(?:{SESSION_NAME}){{1}}\Z").filter(bool))
def test_no_session_name_can_pass_for_another_role(role: str, name: str) -> None:
    arn = f"arn:aws:sts::111122223333:assumed-role/{role}/{name}"
    assert caller(event(arn)) == arn
    found = re.fullmatch(r"(\S+) \(session name: ([^ ()]+)\)", name_caller(event(arn)))
    assert found
    assert found.groups() == (f"arn:aws:sts::111122223333:assumed-role/{role}", name)


@pytest.fixture
def product() -> Iterator[Product]:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as running:
        yield running


def test_starts_decisions_cancels_and_clean_ups_name_the_session_of_their_caller(product: Product) -> None:
    inbox = Inbox(product)

    def send(path: str, key: str | None = None) -> Any:
        reply = product.request("POST", path, headers=headers(key), caller=f"{ROLE}/ana")
        assert reply.status in (200, 202), reply
        return reply.body

    plan = make_plan(product, 2)
    run = send(f"/recovery-plans/{plan}/drills", "one")["executionId"]
    assert send(f"/recovery-plans/{plan}/drills", "one")["executionId"] == run
    other = product.request("POST", f"/recovery-plans/{plan}/drills", headers=headers("one"), caller=f"{ROLE}/eve")
    assert other.status == 409, "another session is another caller"
    send(f"/executions/{run}/pause", "one")
    send(f"/executions/{run}/pause", "one")
    send(f"/executions/{run}/resume")
    send(f"/executions/{run}/cancel")
    record = product.finish(run)
    assert (record["requestedBy"], record["cancelledBy"]) == (NAMED, NAMED)
    assert [(each["decision"], each["by"]) for each in record["decisions"]] == [
        ("pause", NAMED),
        ("resume", NAMED),
        ("cancel", NAMED),
    ]
    events = product.request("GET", f"/executions/{run}/events").body["events"]
    texts = [each["text"] for each in events if each["event"] in ("REQUESTED", "DECISION")]
    assert len(texts) == 4
    assert all(NAMED in text for text in texts)
    assert any(NAMED in message["Message"] for message in inbox.messages())
    assert f"{ROLE}/ana" not in str(record) + str(events) + str(inbox.messages())

    send(f"/executions/{run}/cleanup")
    assert read(product, record)["askedBy"] == NAMED
