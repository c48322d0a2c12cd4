"""What drs-waves reports while DRS fails: metrics, log lines, and messages to operators."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sts.models import sts_backends

from recovery.aws.sns import publish
from recovery.domain.target import Target
from recovery.drs.calls import ERROR_BY_CODE
from recovery.observability import metrics
from tests.support import product as products
from tests.support import telemetry
from tests.support.product import HUB, STACK, WEST, Product
from tests.support.runs import wait_for_calls
from tests.support.telemetry import CapturedTelemetry
from tests.support.templates import rendered

TOPIC = f"arn:aws:sns:{WEST}:{DEFAULT_ACCOUNT_ID}:operators"
OUTCOMES = {"OK": "ok"} | {code: kind.__name__ for code, kind in ERROR_BY_CODE.items()}
# One try and the five repetitions of the machine.
TRIES_OF_A_TASK = 6


@pytest.fixture
def told() -> Iterator[CapturedTelemetry]:
    with telemetry.capture() as heard:
        yield heard


def drill(product: Product, servers: int = 2) -> dict[str, Any]:
    """A drill of one batch in one wave, so that its functions run one after the other."""
    record = product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(servers))]}))
    assert record["status"] == "COMPLETED", record
    return record


# --- metrics ----------------------------------------------------------------------------------------------------
def test_calls_are_counted_by_operation_and_outcome_as_drs_counts_them(
    product: Product, told: CapturedTelemetry
) -> None:
    product.fault("THROTTLING", operation="DescribeJobs", count=4)
    product.fault("SERVER_ERROR", operation="DescribeSourceServers", count=1)
    product.fault("THROTTLING", operation="StartRecovery", count=2)
    drill(product)
    answered = {
        (operation, OUTCOMES[outcome]): count
        for operation, outcomes in product.emulator.control.calls(detail=False)["operations"].items()
        for outcome, count in outcomes.items()
    }
    assert told.counts("Calls", "Operation", "Outcome") == answered
    assert {kind for _, kind in answered} == {"ok", "DrsThrottled", "DrsUnavailable"}
    assert told.counts("Calls") == {(): sum(answered.values())}


def test_calls_that_were_refused_can_be_told_from_all_without_knowing_a_target(
    product: Product, told: CapturedTelemetry
) -> None:
    product.fault("THROTTLING", operation="StartRecovery", count=2)
    drill(product)
    by_outcome = {
        dict(named)["Outcome"]: count
        for (name, named), count in telemetry.published(told.emf).items()
        if name == "Calls" and dict(named).keys() == {"Stack", "Outcome"}
    }
    assert by_outcome["DrsThrottled"] == 2
    assert told.counts("Calls") == {(): sum(by_outcome.values())}


def test_rate_limit_errors_are_counted_by_type(product: Product, told: CapturedTelemetry) -> None:
    product.fault("THROTTLING", count=5)
    drill(product)
    assert told.counts("RateLimitErrors", "ErrorType") == {"DrsThrottled": 5}
    assert told.counts("RateLimitErrors") == {(): 5}


def test_retries_are_counted_by_attempt_within_a_function_and_by_the_machine(
    product: Product, told: CapturedTelemetry
) -> None:
    product.fault(
        "THROTTLING", operation="DescribeJobs", count=2
    )  # the capacity check lists jobs first, in one function
    product.fault("THROTTLING", operation="StartRecovery", count=2)  # the machine repeats the task
    drill(product)
    assert told.counts("Retries", "Operation", "Attempt") == {
        ("DescribeJobs", "2"): 1,
        ("DescribeJobs", "3"): 1,
        ("StartRecovery", "2"): 1,
        ("StartRecovery", "3"): 1,
    }


def test_retries_of_an_inspection_are_counted_too(product: Product, told: CapturedTelemetry) -> None:
    product.engine.runtime.fail("InspectTarget", "Runtime.ExitError", times=1)
    drill(product)
    assert told.counts("Retries", "Operation", "Attempt") == {("InspectTarget", "2"): 1}


def test_retries_that_are_used_up_are_counted_once(product: Product, told: CapturedTelemetry) -> None:
    product.fault("THROTTLING", operation="StartRecovery", count=TRIES_OF_A_TASK)
    drill(product)
    assert told.counts("RetriesExhausted") == {(): 1}
    assert [line["level"] for line in told.logs if line["message"] == "retries exhausted"] == ["CRITICAL"]


def test_each_change_of_a_circuit_is_counted_and_logged(product: Product, told: CapturedTelemetry) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(2))]})
    execution_id = product.start(plan)
    wait_for_calls(product, "StartRecovery")
    product.fault("REGION_DOWN", accountId=HUB, region=WEST, durationSeconds=1800)
    assert product.finish(execution_id)["status"] == "COMPLETED"
    changes = told.counts("CircuitChanges", "State")
    assert changes.keys() == {"open", "half-open", "closed"}
    assert changes["closed"] == 1
    assert changes["half-open"] == changes["open"], "each opening is followed by one call that is let through"
    logged = Counter((line["circuit"], line["level"]) for line in told.logs if line["message"] == "circuit changed")
    assert logged == {
        ("open", "WARNING"): changes["open"],
        ("half-open", "INFO"): changes["half-open"],
        ("closed", "INFO"): 1,
    }


def test_what_a_call_came_to_is_told_in_one_line(product: Product, told: CapturedTelemetry) -> None:
    """A log is paid by its length, so the line of a call includes its error and its retries."""
    product.fault("THROTTLING", operation="StartRecovery", count=1)
    drill(product)
    together = [
        {metric["Name"] for directive in line["_aws"]["CloudWatchMetrics"] for metric in directive["Metrics"]}
        for line in told.emf
    ]
    assert {"Calls", "RateLimitErrors"} in together
    assert {"Calls", "Retries"} in together
    # Three readings of a launch configuration by one task have one line, every other call has its own.
    assert told.counts("Calls") == {(): len(together) + 2}


def test_metrics_can_be_switched_off(told: CapturedTelemetry) -> None:
    with Product(POWERTOOLS_METRICS_DISABLED="true") as product:
        product.fault("THROTTLING", operation="StartRecovery", count=1)
        drill(product)
    assert told.emf == []
    assert told.logs


def test_metrics_that_cannot_be_written_fail_no_work(
    product: Product, told: CapturedTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise OSError("no space left on device")

    monkeypatch.setattr(metrics, "build_lines", broken)
    drill(product)
    assert told.emf == []
    warned = [line for line in told.logs if line["message"] == "metrics not written"]
    assert warned
    assert {line["level"] for line in warned} == {"WARNING"}


# --- log lines --------------------------------------------------------------------------------------------------
OF_A_RUN = {"correlation_id", "executionId", "task", "function_request_id", "service", "level", "timestamp", "message"}
OF_A_WAVE = OF_A_RUN | {"wave"}
OF_A_TARGET = OF_A_RUN | {"target"}
OF_A_BATCH = OF_A_WAVE | OF_A_TARGET | {"batch"}
KEYS = {
    "LoadPlan": OF_A_RUN,
    "InspectTarget": OF_A_TARGET,
    "JudgeReadiness": OF_A_RUN,
    "StartWave": OF_A_WAVE,
    "CheckCapacity": OF_A_BATCH,
    "StartRecovery": OF_A_BATCH,
    "PollJob": OF_A_BATCH,
    "NotifyOperators": OF_A_BATCH,
    "SettleBatch": OF_A_BATCH,
    "SettleWave": OF_A_WAVE,
    "FinishExecution": OF_A_RUN,
}


def test_every_line_of_every_task_says_where_in_the_run_it_belongs(product: Product, told: CapturedTelemetry) -> None:
    product.fault("THROTTLING", operation="StartRecovery", count=TRIES_OF_A_TASK)
    product.fault("THROTTLING", operation="DescribeJobs", count=3)
    record = drill(product)
    lines = [line for line in told.logs if line.get("function_name", "Api") != "Api"]
    assert {line["function_name"] for line in lines} == KEYS.keys()
    for line in lines:
        assert line.keys() >= KEYS[line["function_name"]], line
        assert line["correlation_id"] == line["executionId"] == record["executionId"]
        if "batch" in line:
            assert line["batch"] == f"{record['executionId']}/web/{HUB}/{WEST}/0001"
            assert line["target"] == f"{HUB}/{WEST}"
    levels = Counter((line["message"], line["level"]) for line in lines if line["level"] != "INFO")
    assert levels == {
        ("task postponed", "WARNING"): TRIES_OF_A_TASK + 1,  # and the capacity check, once
        ("retrying call", "WARNING"): 2,
        ("retries exhausted", "CRITICAL"): 1,
    }


def test_what_will_not_pass_is_logged_as_an_error(product: Product, told: CapturedTelemetry) -> None:
    event = json.dumps({"executionId": "drill-nobody"})
    product.engine.client("lambda").invoke(FunctionName="LoadPlan", Payload=event)
    (line,) = [line for line in told.logs if line["level"] == "ERROR"]
    assert (line["message"], line["error"]) == ("task failed", "ExecutionNotFound")
    assert line["correlation_id"] == "drill-nobody"


def test_a_target_that_cannot_be_used_is_logged_as_a_warning(product: Product, told: CapturedTelemetry) -> None:
    server_ids = product.seed(1, region="eu-north-1")
    # DRS is not set up in the Region of this group.
    plan = product.plan({"name": "web", "groups": [product.group(server_ids, region="sa-east-1")]})
    assert product.drill(plan)["status"] == "NOT_READY"
    (line,) = [line for line in told.logs if line["level"] == "WARNING"]
    assert (line["error"], line["target"]) == ("TargetNotInitialized", f"{HUB}/sa-east-1")


def test_what_nobody_foresaw_is_logged_with_the_ids_of_the_run(
    product: Product, told: CapturedTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise KeyError("a bug")

    monkeypatch.setattr("recovery.runs.launch.poll_batch", broken)
    product.engine.runtime.after("SettleBatch", lambda *_: monkeypatch.undo(), times=1)
    record = drill(product)
    (line,) = [line for line in told.logs if line["level"] == "ERROR"]
    assert (line["message"], line["error"], line["task"]) == ("unexpected error", "KeyError", "poll_job")
    assert line["correlation_id"] == record["executionId"]
    assert "a bug" in line["exception"]


def test_a_lambda_environment_writes_lines_with_the_name_of_the_service() -> None:
    """The function runs in a process with the template's environment. Its standard output is the log."""
    variables = products.template()["Globals"]["Function"]["Environment"]["Variables"]
    tables = {name: "none" for name in variables if name.endswith("_TABLE")}
    event = {"executionId": "drill-1", "wave": "web", "accountId": HUB, "region": WEST, "task": "InspectTarget"}
    event["error"] = {"Error": "DrsThrottled", "Cause": "{}"}
    program = (
        "import json, types\nfrom tasks.notify_operators import handler\n"
        "context = types.SimpleNamespace(function_name='tell', memory_limit_in_mb=512, "
        "invoked_function_arn='arn', aws_request_id='request-1')\n"
        f"handler(json.loads({json.dumps(event)!r}), context)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=products.ROOT / "lambdas",
        env={
            "PATH": os.environ["PATH"],
            **tables,
            **lambda_environment(LogLevel="INFO"),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    unread, log, emf = map(json.loads, ran.stdout.splitlines())
    assert (unread["message"], unread["level"]) == ("plan not named", "INFO")  # there is no table to read it from
    assert (log["service"], log["level"]) == ("drs-waves", "CRITICAL")
    assert (log["correlation_id"], log["function_request_id"]) == ("drill-1", "request-1")
    telemetry.assert_valid(emf)
    assert {name for name, _ in telemetry.published([emf])} == {"RetriesExhausted"}
    assert "service" not in emf, "a dimension more, and no alarm finds the metric"


def lambda_environment(**parameters: str) -> dict[str, str]:
    """The variables about logs and metrics that Lambda sets for every function of the stack."""
    properties = rendered("template.yaml", **parameters)["NotifyOperatorsFunction"]["Properties"]
    variables = properties["Environment"]["Variables"]
    names = ("STACK_NAME", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL")
    own = {name: variables[name] for name in names}
    config = properties["LoggingConfig"]
    if config["LogFormat"] == "JSON":  # Lambda's own level, which Powertools obeys instead (Lambda's guide, log levels)
        own["AWS_LAMBDA_LOG_LEVEL"] = config.get("ApplicationLogLevel", "INFO")
    return own


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("DEBUG", {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}),
        ("INFO", {"INFO", "WARNING", "ERROR", "CRITICAL"}),
        ("WARNING", {"WARNING", "ERROR", "CRITICAL"}),
        ("ERROR", {"ERROR", "CRITICAL"}),
    ],
)
def test_the_log_level_of_the_stack_is_that_of_every_line_and_of_no_metric(level: str, shown: set[str]) -> None:
    """Loggers of handlers and of other modules. Metrics are lines of the log too, and always written."""
    program = (
        "from recovery.observability import metrics, task_handler\nfrom recovery.domain.target import Target\n"
        "from recovery.drs import retry\n"
        "for logger in (task_handler.logger, retry.logger):\n"
        "    for word in ('debug', 'info', 'warning', 'error', 'critical'): getattr(logger, word)(word)\n"
        "metrics.count_call(Target('111122223333', 'eu-west-1'), 'DescribeJobs', 'ok'); metrics.flush()"
    )
    tables = dict.fromkeys(products.template()["Globals"]["Function"]["Environment"]["Variables"], "none")
    tables = {name: value for name, value in tables.items() if name.endswith("_TABLE")}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=products.ROOT / "lambdas",
        env={"PATH": os.environ["PATH"], **tables, **lambda_environment(LogLevel=level)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    (emf,) = [line for line in lines if "_aws" in line]
    telemetry.assert_valid(emf)
    assert emf["Stack"] == "drs-waves-test"
    logs = Counter(line["level"] for line in lines if "_aws" not in line)
    assert logs == {each: 3 if each == "DEBUG" else 2 for each in shown}, "and the call itself, at DEBUG"


def test_every_function_logs_as_the_stack_says() -> None:
    functions = [each for each in rendered("template.yaml").values() if each["Type"] == "AWS::Lambda::Function"]
    assert len(functions) > 20
    expected = {"LogGroup": "<FunctionLogs>", "LogFormat": "Text"}
    assert [each["Properties"]["LoggingConfig"] for each in functions] == [expected] * len(functions)
    levels = {each["Properties"]["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] for each in functions}
    assert levels == {"INFO"}


def test_no_line_of_a_run_with_faults_holds_a_secret(told: CapturedTelemetry) -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        product.fault("THROTTLING", operation="StartRecovery", count=TRIES_OF_A_TASK)
        product.fault("CUT_AFTER", operation="DescribeJobs", count=2)
        product.engine.runtime.fail("PollJob", KeyError("a bug"), times=1)
        first, second = product.seed(2)
        waves = [{"name": name, "groups": [product.group([one])]} for name, one in (("db", first), ("web", second))]
        record = product.drill(product.plan(*waves))
        assert record["status"] == "COMPLETED", record
        tokens = {run.event["taskToken"] for run in product.engine.runtime.invocations_of("KeepToken")}
        external_ids = {row["externalId"] for row in product.items("TargetAccounts")}
        roles = [role for account in sts_backends.values() for sts in account.values() for role in sts.assumed_roles]
        credentials = {part for role in roles for part in (role.secret_access_key, role.session_token)}
    assert tokens
    assert external_ids
    assert credentials
    assert record["executionId"] in told.text
    for secret in tokens | external_ids | credentials:
        assert secret not in told.text


# --- messages to operators --------------------------------------------------------------------------------------
def inbox(product: Product) -> str:
    """A queue that gets every message of the topic, as an operator's subscription would."""
    sqs, sns = product.engine.client("sqs"), product.engine.client("sns")
    assert sns.create_topic(Name="operators")["TopicArn"] == TOPIC
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn)
    return str(url)


def messages(product: Product, url: str) -> list[dict[str, Any]]:
    found = product.engine.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    bodies = [json.loads(message["Body"]) for message in found]
    return [body for body in bodies if body["MessageAttributes"]["kind"]["Value"] in ("RETRIES_EXHAUSTED", "TEST")]


def facts(message: dict[str, Any]) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in message["Message"].splitlines())


def test_attempts_beyond_the_tenth_are_counted_as_the_tenth(told: CapturedTelemetry) -> None:
    for attempt in (2, 9, 10, 11, 100):
        metrics.count_retry(Target(HUB, WEST), "PollJob", attempt)
    metrics.flush()
    counts = told.counts("Retries", "Operation", "Attempt")
    assert counts == {("PollJob", "2"): 1, ("PollJob", "9"): 1, ("PollJob", "10"): 3}


def test_operators_are_told_once_what_is_throttled_and_the_batch_goes_on(told: CapturedTelemetry) -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        url = inbox(product)
        product.fault("THROTTLING", operation="StartRecovery", count=TRIES_OF_A_TASK)
        record = drill(product)
        (message,) = messages(product, url)
        (child,) = product.engine.executions("recover-target")
        waited = Counter(child.states_entered())
    assert message["Subject"] == f"{STACK}: DRILL of a plan: DrsThrottled in {HUB}/{WEST}"
    assert {name: attribute["Value"] for name, attribute in message["MessageAttributes"].items()} == {
        "kind": "RETRIES_EXHAUSTED",
        "target": f"{HUB}/{WEST}",
        "executionId": record["executionId"],
    }
    said = facts(message)
    assert (said["Message"], said["Plan"]) == ("RETRIES_EXHAUSTED", "a plan")
    assert said["Target"] == f"{HUB}/{WEST}"
    assert said["Error"].startswith(f"DrsThrottled: StartRecovery in {HUB}/{WEST}: ThrottlingException")
    assert (said["Execution"], said["Kind"]) == (record["executionId"], "DRILL")
    assert (said["Stack"], said["Account"], said["Region"]) == (STACK, DEFAULT_ACCOUNT_ID, WEST)
    assert said["Wave"] == "web, batch 1"
    assert "CloudTrail" in said["What to do"]
    assert re.search(r"the batch waits and goes on at \d\d:\d\d UTC; no server has failed", said["What happens"])
    assert (waited["NotifyOperators"], waited["WaitForDrs"]) == (1, 1)
    assert record["servers"]["launched"] == 2
    assert told.counts("RetriesExhausted") == {(): 1}


def test_operators_are_told_which_task_was_tried_how_often() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        url = inbox(product)
        product.fault("THROTTLING", operation="StartRecovery", count=TRIES_OF_A_TASK)
        drill(product)
        (message,) = messages(product, url)
    assert (facts(message)["Operation"], facts(message)["Attempts"]) == ("StartRecovery", str(TRIES_OF_A_TASK))


@pytest.mark.parametrize(
    ("trouble", "environment"),
    [
        ("the topic is gone", {}),
        ("SNS cannot be reached", {"AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:9"}),
    ],
)
def test_a_message_that_cannot_be_sent_is_logged_and_work_goes_on(
    told: CapturedTelemetry, trouble: str, environment: dict[str, str]
) -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC, **environment) as product:
        product.fault("THROTTLING", operation="StartRecovery", count=TRIES_OF_A_TASK)
        record = drill(product)
    assert record["servers"]["launched"] == 2
    unsent = [line for line in told.logs if line["message"] == "message not sent"]
    assert {line["kind"] for line in unsent} == {"RUN_STARTED", "RETRIES_EXHAUSTED", "WAVE_DONE", "RUN_FINISHED"}
    (line,) = [line for line in unsent if line["kind"] == "RETRIES_EXHAUSTED"]
    assert (line["level"], line["kind"], line["correlation_id"]) == (
        "ERROR",
        "RETRIES_EXHAUSTED",
        record["executionId"],
    )
    assert [line["message"] for line in told.logs if line["level"] == "CRITICAL"] == ["retries exhausted"]


def test_a_subject_that_sns_would_refuse_is_made_one_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        url = inbox(product)
        for name, value in (product.engine.environment | {"AWS_DEFAULT_REGION": WEST}).items():
            monkeypatch.setenv(name, value)
        publish("TEST", "{wave} waits", {"wave": "gröte\nWelle " + "x" * 200}, "text", wave="größte", empty="")
        (message,) = messages(product, url)
    assert message["Subject"] == "drs-waves: grote Welle " + "x" * 67 + "... waits"
    assert len(message["Subject"]) == 99
    assert message["MessageAttributes"].keys() == {"kind", "wave"}
