"""Alarms fire on metrics that functions really write, and reach operators through their topic."""

import json
import re
import time
from typing import Any

import pytest

from sandbox.settings import REGION, STACK_NAME, TARGET_ACCOUNT
from sandbox.stack import Sandbox
from tests.support.deployed import Operator

pytestmark = pytest.mark.e2e
MUMBAI = "ap-south-1"
WANTED = {f"{STACK_NAME}-{name}" for name in ("rate-limit-errors", "retries-exhausted", "circuit-open")}


def fault(sandbox: Sandbox, kind: str, **more: Any) -> None:
    sandbox.control_emulator("POST", "/faults", {"kind": kind, "accountId": TARGET_ACCOUNT, "region": MUMBAI, **more})


def inbox(sandbox: Sandbox) -> str:
    """A queue that receives the messages that operators receive."""
    sqs = sandbox.client("sqs")
    queue = sqs.create_queue(QueueName="on-duty")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    topic = sandbox.outputs["OperatorsTopicArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": attributes["QueueArn"],
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sandbox.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
    return str(queue)


def firing(sandbox: Sandbox) -> set[str]:
    alarms = sandbox.client("cloudwatch").describe_alarms(AlarmNamePrefix=STACK_NAME, StateValue="ALARM")
    return {alarm["AlarmName"] for alarm in alarms["MetricAlarms"]}


def test_throttling_used_up_retries_and_a_dead_region_set_off_their_alarms(
    operator: Operator, sandbox: Sandbox
) -> None:
    queue = inbox(sandbox)
    groups = [
        operator.group(
            operator.seed(f"alarm-{n}", account=TARGET_ACCOUNT, region=MUMBAI), account=TARGET_ACCOUNT, region=MUMBAI
        )
        for n in range(3)
    ]
    waves = [{"name": f"w{n}", "groups": [{"groupId": group}], "dependsOn": []} for n, group in enumerate(groups)]
    plan = operator.request("POST", "/recovery-plans", {"name": "alarms", "waves": waves}).body["planId"]
    fault(sandbox, "THROTTLING", operation="StartRecovery", count=40)
    run = operator.start(plan)
    deadline = time.monotonic() + 60
    while len(firing(sandbox) & WANTED) < 2:
        assert time.monotonic() < deadline, firing(sandbox)
        time.sleep(0.5)
    fault(sandbox, "REGION_DOWN", durationSeconds=1_200)
    while not firing(sandbox) >= WANTED:
        assert time.monotonic() < deadline, firing(sandbox)
        time.sleep(0.5)

    assert operator.finish(run, seconds=90)["servers"]["launched"] == 3

    told = []
    while messages := sandbox.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            told.append(json.loads(message["Body"]))
            sandbox.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    alarms = [each for each in told if each["MessageAttributes"]["kind"]["Value"] == "ALARM"]
    went_off = {each["MessageAttributes"]["alarm"]["Value"] for each in alarms if ": ALARM " in each["Subject"]}
    assert {f"{STACK_NAME}-{name}" for name in went_off} >= WANTED
    for alarm in alarms:
        lines = alarm["Message"].splitlines()
        assert lines[:2] == [f"Stack: {STACK_NAME}", "Environment: sandbox"]
        assert "Runbook: docs/runbook.md, " in alarm["Message"]
        assert re.search(r"^See it: drs-waves .* --sandbox$", alarm["Message"], re.MULTILINE)
    assert not [each for each in told if each["Message"].startswith("{")], "no raw event was sent"
    assert REGION in sandbox.outputs["OperatorsTopicArn"]
