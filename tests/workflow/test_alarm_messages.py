"""Alarms of CloudWatch reach operators as messages, and none is lost."""

import json
from typing import Any

from tests.support.inbox import TOPIC, Inbox
from tests.support.product import STACK, WEST, Product


def action(name: str, state: str, before: str) -> dict[str, Any]:
    """What CloudWatch calls the function with, as its user guide has it."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": f"arn:aws:cloudwatch:{WEST}:123456789012:alarm:{STACK}-{name}",
        "accountId": "123456789012",
        "time": "2026-11-22T12:36:15.490+0000",
        "region": WEST,
        "alarmData": {
            "alarmName": f"{STACK}-{name}",
            "state": {"value": state, "reason": "Threshold Crossed", "timestamp": "2026-11-22T12:36:15.490+0000"},
            "previousState": {"value": before, "timestamp": "2026-11-22T12:31:29.595+0000"},
            "configuration": {"description": "What the template says.", "metrics": []},
        },
    }


def test_an_alarm_becomes_a_message_that_says_what_to_do() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC, ENVIRONMENT_NAME="prod") as product:
        inbox = Inbox(product)
        product.engine.invoke("AnnounceAlarm", action("circuit-open", "ALARM", "OK"))
        product.engine.invoke("AnnounceAlarm", action("circuit-open", "OK", "ALARM"))
        product.engine.invoke("AnnounceAlarm", action("circuit-open", "INSUFFICIENT_DATA", "OK"))
        began, ended, unknown = inbox.messages()
    assert began["Subject"] == f"{STACK}: ALARM circuit-open: an account and Region does not answer"
    lines = began["Message"].splitlines()
    assert lines[:4] == [f"Stack: {STACK}", "Environment: prod", "Account: 123456789012", f"Region: {WEST}"]
    assert lines[4] == "Message: ALARM"
    assert f"See it: drs-waves get /drs/recovery-instance-sync/status --stack {STACK} --region {WEST}" in lines
    assert 'Runbook: docs/runbook.md, "A Region is down"' in lines
    values = {name: attribute["Value"] for name, attribute in began["MessageAttributes"].items()}
    assert values == {"kind": "ALARM", "alarm": "circuit-open", "state": "ALARM"}
    assert ended["Subject"].startswith(f"{STACK}: alarm ended, circuit-open")
    assert unknown["Subject"].startswith(f"{STACK}: no data for circuit-open")


def test_a_new_alarm_that_is_ok_is_no_news() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        told = product.engine.invoke("AnnounceAlarm", action("api-errors", "OK", "INSUFFICIENT_DATA"))
        assert told == {"announced": False}
        assert inbox.messages() == []


def test_an_alarm_that_has_no_text_yet_is_told_with_its_description() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        product.engine.invoke("AnnounceAlarm", action("of-tomorrow", "ALARM", "OK"))
        (message,) = inbox.messages()
    assert "What happens: What the template says." in message["Message"].splitlines()


def test_a_message_about_an_alarm_that_cannot_be_sent_fails_the_function_so_that_lambda_repeats_it() -> None:
    """Then the destination for failures sends operators the alarm as it is."""
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:  # nothing has made the topic
        event = json.dumps(action("api-errors", "ALARM", "OK"))
        answer = product.engine.client("lambda").invoke(FunctionName="AnnounceAlarm", Payload=event)
        assert (answer["FunctionError"], json.load(answer["Payload"])["errorType"]) == (
            "Unhandled",
            "NotFoundException",
        )
