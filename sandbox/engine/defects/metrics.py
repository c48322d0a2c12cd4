"""CloudWatch: metrics from logs, and the metrics that an alarm evaluates."""

import json
import threading
from collections.abc import Iterator
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs, eventbridge
from ministack.services.cloudformation import provisioners

from sandbox.engine.patch import defect


@defect("MiniStack 1.5.33")
def count_embedded_metrics() -> None:
    """Turn log lines in the embedded metric format into metrics, and evaluate an alarm on its own dimensions only.

    MiniStack stores the lines and creates no metrics. For an alarm it adds up the metric over all dimensions.
    """
    append, store = cloudwatch_logs._append_log_events, cloudwatch._store_datum
    evaluate = cloudwatch._evaluate_alarm
    lock = threading.RLock()

    def store_alone(*datum: Any) -> None:
        with lock:
            store(*datum)

    def append_and_count(stream: dict[str, Any], events: list[dict[str, Any]]) -> None:
        append(stream, events)
        found = [line for event in events if (line := _embedded(event["message"]))]
        for line in found:
            for datum in _data_of(line):
                store_alone(*datum)
        if found:
            cloudwatch._evaluate_all_alarms()

    def evaluate_own(alarm: dict[str, Any]) -> None:
        wanted = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or ()}
        with lock:
            every = cloudwatch._metrics
            cloudwatch._metrics = {
                key: points for key, points in every.items() if points and (points[0].get("Dimensions") or {}) == wanted
            }
            try:
                evaluate(alarm)
            finally:
                cloudwatch._metrics = every

    cloudwatch_logs._append_log_events = append_and_count
    cloudwatch._store_datum, cloudwatch._evaluate_alarm = store_alone, evaluate_own


def _embedded(message: str) -> dict[str, Any] | None:
    if '"_aws"' not in message:
        return None
    try:
        line = json.loads(message)
    except json.JSONDecodeError:
        return None
    return line if isinstance(line, dict) and "CloudWatchMetrics" in line.get("_aws", {}) else None


def _data_of(line: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The arguments of `_store_datum` for a line: one datum for each metric and each set of dimensions."""
    for group in line["_aws"]["CloudWatchMetrics"]:
        for names in group["Dimensions"]:
            dimensions = {name: line[name] for name in names}
            for metric in group["Metrics"]:
                values = line[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    moment = line["_aws"]["Timestamp"] / 1000
                    unit = metric.get("Unit", "None")
                    yield group["Namespace"], metric["Name"], dimensions, moment, unit, value, None, None, None


@defect("MiniStack 1.5.33")
def accept_metric_math() -> None:
    """Deploy an alarm on an expression over metrics. The alarm is never evaluated here and never fires.

    MiniStack refuses the alarm, and with it the whole stack.
    """
    record = provisioners._cw_metric_alarm_record

    def record_any(name: str, props: dict[str, Any]) -> Any:
        if "Metrics" in props:
            kept = {key: value for key, value in props.items() if key != "Metrics"}
            props = {**kept, "Namespace": "sandbox", "MetricName": "not evaluated"}
        return record(name, props)

    provisioners._cw_metric_alarm_record = record_any


@defect("MiniStack 1.5.33")
def invoke_functions_of_alarms() -> None:
    """Invoke a function that is an action of an alarm, as CloudWatch does. MiniStack knows only topics as actions."""
    dispatch = cloudwatch._dispatch_alarm_actions
    fields = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

    def dispatch_and_invoke(alarm: dict[str, Any], old_state: str, new_state: str, reason: str) -> None:
        dispatch(alarm, old_state, new_state, reason)
        functions = [arn for arn in alarm.get(fields[new_state]) or () if ":lambda:" in arn]
        event = {
            "source": "aws.cloudwatch",
            "alarmArn": alarm["AlarmArn"],
            "alarmData": {
                "alarmName": alarm["AlarmName"],
                "state": {"value": new_state, "reason": reason},
                "previousState": {"value": old_state},
                "configuration": {"description": alarm.get("AlarmDescription", "")},
            },
        }
        for arn in functions if alarm.get("ActionsEnabled", True) else ():
            eventbridge._dispatch_to_lambda(arn, json.dumps(event))

    cloudwatch._dispatch_alarm_actions = dispatch_and_invoke
