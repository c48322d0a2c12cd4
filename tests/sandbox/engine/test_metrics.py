"""Patches of CloudWatch."""

import json
import time
from collections.abc import Sequence

from tests.support.ministack import MiniStack, deploy


def embedded(value: int, **dimensions: str) -> str:
    """A line of a log that is a metric `Calls` of the namespace `Toy`, with these dimensions."""
    told = {"Namespace": "Toy", "Dimensions": [list(dimensions)], "Metrics": [{"Name": "Calls", "Unit": "Count"}]}
    about = {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [told]}
    return json.dumps({"_aws": about, "Calls": value, **dimensions})


def alarm(engine: MiniStack, name: str, actions: Sequence[str] = (), **dimensions: str) -> None:
    """An alarm on more than five `Calls` of exactly these dimensions."""
    engine.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Toy",
        MetricName="Calls",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=list(actions),
    )


def goes_off(engine: MiniStack, name: str, within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        (found,) = engine.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        if found["StateValue"] == "ALARM":
            return True
        time.sleep(0.1)
    return False


def test_a_metric_that_a_function_logs_sets_off_an_alarm(patched: MiniStack, unpatched: MiniStack) -> None:
    for engine in (patched, unpatched):
        alarm(engine, "logged", Outcome="logged")
        engine.invoke({"print": embedded(6, Outcome="logged")})
    assert goes_off(patched, "logged", within=60)
    assert not goes_off(unpatched, "logged", within=1)


def test_an_alarm_looks_at_the_metric_of_its_own_dimensions_alone(patched: MiniStack, unpatched: MiniStack) -> None:
    for engine in (patched, unpatched):
        alarm(engine, "one", Outcome="one")
        alarm(engine, "other", Outcome="other")
        data = [{"MetricName": "Calls", "Value": 6.0, "Dimensions": [{"Name": "Outcome", "Value": "one"}]}]
        engine.client("cloudwatch").put_metric_data(Namespace="Toy", MetricData=data)
        engine.invoke({"print": embedded(1, Outcome="one")})  # whatever is logged has the alarms looked at
        assert goes_off(engine, "one", within=60)
    assert not goes_off(patched, "other", within=1)
    assert goes_off(unpatched, "other", within=60)


def test_an_alarm_on_an_expression_can_be_deployed(patched: MiniStack, unpatched: MiniStack) -> None:
    metric = {"Namespace": "Toy", "MetricName": "Calls"}
    watched = {"Id": "calls", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}, "ReturnData": False}
    share = {"Id": "share", "Expression": "calls / 2"}
    properties = {"Metrics": [watched, share], "EvaluationPeriods": 1, "Threshold": 5}
    properties["ComparisonOperator"] = "GreaterThanThreshold"
    template = {"Resources": {"Share": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    for engine, outcome in ((patched, "CREATE_COMPLETE"), (unpatched, "ROLLBACK_COMPLETE")):
        assert deploy(engine, "math", template) == outcome


def is_told(engine: MiniStack, text: str, within: float) -> bool:
    """Whether the toy's log has this text."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        group = f"/aws/lambda/{engine.outputs['Toy']}"
        events = engine.client("logs").filter_log_events(logGroupName=group)["events"]
        if any(text in event["message"] for event in events):
            return True
        time.sleep(0.1)
    return False


def test_an_alarm_calls_the_function_that_is_its_action(patched: MiniStack, unpatched: MiniStack) -> None:
    for engine in (patched, unpatched):
        engine.invoke({"print": "the log group is there"})
        name = engine.outputs["Toy"]
        arn = engine.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        alarm(engine, "calling", actions=[arn], Outcome="calling")
        engine.client("cloudwatch").set_alarm_state(AlarmName="calling", StateValue="ALARM", StateReason="tried")
    assert is_told(patched, "told of calling ALARM", within=60)
    assert not is_told(unpatched, "told of calling", within=1)
