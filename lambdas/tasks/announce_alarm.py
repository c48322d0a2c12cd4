"""Send operators a message about an alarm of CloudWatch."""

from typing import NotRequired, TypedDict

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.observability import alarm_messages
from recovery.observability.alarm_messages import AlarmChange, AlarmState
from recovery.observability.task_handler import logger, task


class AlarmStateData(TypedDict):
    """A state of an alarm, and CloudWatch's reason for it."""

    value: str
    reason: NotRequired[str]


class AlarmConfiguration(TypedDict):
    """The part of an alarm's configuration that a message shows."""

    description: NotRequired[str]


class AlarmData(TypedDict):
    """An alarm that has changed its state."""

    alarmName: str
    state: AlarmStateData
    previousState: AlarmStateData
    configuration: NotRequired[AlarmConfiguration]


class AlarmAction(TypedDict):
    """What CloudWatch calls a function with, as its user guide has it in "Invoke a Lambda function from an alarm"."""

    alarmData: AlarmData


class AnnounceAlarmOutput(TypedDict):
    """Whether operators got a message."""

    announced: bool


@task
def handler(event: AlarmAction, context: LambdaContext) -> AnnounceAlarmOutput:
    """Handle CloudWatch's call. If it fails, Lambda repeats it, and at last sends the event to operators as it is.

    A new alarm changes from INSUFFICIENT_DATA to OK. That is no news.
    """
    data = event["alarmData"]
    change = AlarmChange(
        name=data["alarmName"],
        state=AlarmState(data["state"]["value"]),
        previous=AlarmState(data["previousState"]["value"]),
        description=data.get("configuration", {}).get("description", ""),
        reason=data["state"].get("reason", ""),
    )
    is_news = change.state is not AlarmState.OK or change.previous is AlarmState.ALARM
    if is_news:
        alarm_messages.send_alarm(change)
    logger.info(
        "alarm announced" if is_news else "alarm is no news", extra={"alarm": change.name, "state": change.state}
    )
    return {"announced": is_news}
