"""Every message to operators, with example data, as SNS delivers it. A test compares the list with the code."""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import boto3
from moto import mock_aws

from recovery import clock
from recovery.aws import sns
from recovery.domain.batch import BatchRef
from recovery.domain.caught_errors import CaughtError
from recovery.domain.drills.schedules import Appointment, AppointmentStatus
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run, WaveStatus
from recovery.domain.findings.finding import Finding, Severity
from recovery.domain.plan import GroupUse, RecoveryPlan, Wave
from recovery.domain.standing.answers import AnswerChange, AnswerStatus, ReadinessAnswer
from recovery.domain.tally import Tally
from recovery.domain.target import Target
from recovery.domain.verdicts import ExecutionVerdict, WaveVerdict
from recovery.domain.wave_steps.approvals import Approval
from recovery.launch_settings import messages as launch_messages
from recovery.observability import (
    alarm_messages,
    drill_messages,
    operator_messages,
    overdue_messages,
    readiness_messages,
    retries_exhausted,
    step_messages,
    verdict_messages,
)
from recovery.observability.alarm_messages import ALARMS, AlarmChange, AlarmState
from recovery.observability.retries_exhausted import WaitingPlace
from recovery.settings import settings
from recovery.store.launches.reservations import Reservation
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange
from tests.harness import moto_patches
from tests.support.product import WEST, table_setting, tables

MODULES: tuple[ModuleType, ...] = (
    alarm_messages,
    drill_messages,
    launch_messages,
    operator_messages,
    overdue_messages,
    readiness_messages,
    retries_exhausted,
    step_messages,
    verdict_messages,
)
TARGET = Target("111122223333", WEST)
RUN = Run(
    "recovery-20261122-081530-4f1c09",
    "rp-1cea30984a27",
    "payroll",
    Mode.RECOVERY,
    ExecutionStatus.POLLING,
    "2026-11-22T08:15:30.000Z",
    "arn:aws:iam::111122223333:user/ana",
    four_eyes=True,
)
USES = (GroupUse("pg-1"),)
WAVES = (
    Wave("db", USES),
    Wave("app", USES, depends_on=("db",), approval=Approval(120)),
    Wave("web", USES, depends_on=("db", "app")),
    Wave("batch", USES),
)
PLAN = RecoveryPlan("rp-1cea30984a27", "payroll", WAVES, clean_up_after_hours=4)
EXECUTION = Execution(RUN, PLAN)
DRILL = Execution(replace(RUN, execution_id="drill-20261122-081530-4f1c09", mode=Mode.DRILL), PLAN)
CHECK = Execution(
    replace(RUN, execution_id="readiness-20261122-081530-4f1c09", mode=Mode.READINESS, requested_by="schedule"),
    replace(PLAN, readiness_every_hours=24),
)
MISSED = Appointment("2026-11-22T02:00:00.000Z", AppointmentStatus.MISSED, reason="the plan runs as drill-1")
SKIPPED = Appointment(
    "2026-11-22T02:00:00.000Z",
    AppointmentStatus.SKIPPED,
    reason="the plan is NOT_READY: wave db: 1 of 1 server cannot be recovered",
    check_id=CHECK.execution_id,
)
BATCH = BatchRef(RUN.execution_id, "db", TARGET, 1)
TALLY = Tally(6, 5, 1)
SETTINGS_LEFT = SettingsChange(
    TARGET,
    "s-0123456789abcdef0",
    BATCH,
    ChangeStatus.LEFT,
    template_id="lt-0123456789abcdef0",
    version_before=3,
    reason="the default version of lt-0123456789abcdef0 is 5 now",
)
RESERVATION = Reservation(
    TARGET,
    RUN.execution_id,
    "m6i.large",
    "us-west-2a",
    "Linux/UNIX",
    4,
    "2026-11-23T08:15:30.000Z",
    "cr-0123456789abcdef0",
)
FAILED = {
    "sourceServerId": "s-1",
    "hostname": "db-01",
    "status": "FAILED",
    "cause": "CAPACITY",
    "reason": "InsufficientInstanceCapacity",
    "advice": "Choose another instance type; then retry.",
}
UNVERIFIED = {
    "sourceServerId": "s-2",
    "hostname": "db-02",
    "status": "LAUNCHED",
    "verification": {
        "status": "UNVERIFIED",
        "check": "http :8080/health",
        "reason": "it was not passed within 30 min",
        "output": "HTTP 503 Service Unavailable",
    },
}
TASK = {
    "name": "sign-off",
    "wave": "app",
    "place": "after",
    "title": "a person confirms",
    "instructions": "Place an order and look for it in the back office.",
    "status": "WAITING",
    "waitingFor": "CONFIRM",
}
FREEZE = {
    "name": "freeze-writes",
    "place": "before",
    "title": "automation Shop-FreezeWrites",
    "accountId": TARGET.account_id,
    "region": WEST,
    "status": "FAILED",
    "reason": "step StopQueue: the queue is not there",
    "output": "StopQueue: NonExistentQueue",
    "waitingFor": "DECISION",
}
PLACE = WaitingPlace(RUN.execution_id, "db", TARGET, 1)
ASKING = {"wave": "db", "status": "AWAITING_DECISION", "waitingSince": "2026-11-22T08:36:46.000Z"}


def _send_alarm(name: str, state: AlarmState, previous: AlarmState) -> None:
    reason = "Threshold Crossed: 1 datapoint [12.0] was greater than or equal to the threshold (10.0)."
    alarm_messages.send_alarm(AlarmChange(f"drs-waves-prod-{name}", state, previous, "A description.", reason))


SENDERS: Mapping[str, Callable[[], None]] = {
    "send_cleanup_not_scheduled": lambda: operator_messages.send_cleanup_not_scheduled(DRILL, "no rights"),
    "send_quota_held": lambda: operator_messages.send_quota_held(TARGET, 20, 500, {"drsjob-1": clock.now() - 9_000}),
    "send_run_started": lambda: operator_messages.send_run_started(EXECUTION),
    "send_approval_wanted": lambda: operator_messages.send_approval_wanted(EXECUTION, WAVES[1], clock.now() + 7_200),
    "send_wave_paused": lambda: operator_messages.send_wave_paused(EXECUTION, WAVES[0]),
    "send_wave_settled": lambda: operator_messages.send_wave_settled(
        EXECUTION, WAVES[0], WaveVerdict(WaveStatus.COMPLETED, "all 6 servers were launched"), Tally(6, 6)
    ),
    "send_wave_settled awaiting a decision": lambda: operator_messages.send_wave_settled(
        EXECUTION, WAVES[0], WaveVerdict(WaveStatus.AWAITING_DECISION, "an operator has to decide"), TALLY, [FAILED]
    ),
    "send_wave_settled with unverified servers": lambda: operator_messages.send_wave_settled(
        EXECUTION,
        WAVES[0],
        WaveVerdict(WaveStatus.AWAITING_DECISION, "an operator has to decide"),
        Tally(6, 6, checked=6, verified=5, unverified=1),
        [UNVERIFIED],
    ),
    "send_action_waits for a person": lambda: step_messages.send_action_waits(
        EXECUTION, {**TASK, "until": clock.now() + 7_200}
    ),
    "send_action_waits for a decision": lambda: step_messages.send_action_waits(EXECUTION, FREEZE),
    "send_action_failed": lambda: step_messages.send_action_failed(EXECUTION, FREEZE, "continue"),
    "send_servers_withheld": lambda: operator_messages.send_servers_withheld(RUN, BATCH, {"s-1": "it is in a job"}),
    "send_settings_left": lambda: launch_messages.send_settings_left([SETTINGS_LEFT]),
    "send_capacity_reserved": lambda: launch_messages.send_capacity_reserved(RUN, TARGET, [RESERVATION], []),
    "send_capacity_reserved in part": lambda: launch_messages.send_capacity_reserved(
        RUN, TARGET, [], ["2 of m6i.large in us-west-2a: EC2 has no capacity of it there"]
    ),
    "send_wave_corrected": lambda: operator_messages.send_wave_corrected(
        EXECUTION, WAVES[0], WaveStatus.FAILED, WaveVerdict(WaveStatus.PARTIAL, "results came late"), TALLY
    ),
    "send_missed": lambda: drill_messages.send_missed([(PLAN, MISSED)]),
    "send_skipped": lambda: drill_messages.send_skipped([(PLAN, SKIPPED)]),
    "send_changed": lambda: readiness_messages.send_changed(
        CHECK,
        AnswerChange(
            ReadinessAnswer("readiness-1", AnswerStatus.NOT_READY, "2026-11-21T08:15:30Z", codes=("VCPU_QUOTA",)),
            ReadinessAnswer(
                CHECK.execution_id, AnswerStatus.NOT_READY, "2026-11-22T08:15:30Z", "wave db", codes=("SUBNET_MISSING",)
            ),
        ),
        [Finding("SUBNET_MISSING", Severity.BLOCKING, "subnet-1 is gone", "Name another subnet", ("s-1", "s-2"))],
    ),
    "send_run_corrected": lambda: operator_messages.send_run_corrected(
        EXECUTION, ExecutionStatus.FAILED, ExecutionVerdict(ExecutionStatus.PARTIAL, "results came late"), TALLY
    ),
    "send_rejected": lambda: verdict_messages.send_rejected(DRILL.run, "ana", "orders failed"),
    "send_decision": lambda: operator_messages.send_decision(RUN, "approve", "ana", "checked", "app"),
    "send_run_finished": lambda: operator_messages.send_run_finished(
        EXECUTION, ExecutionVerdict(ExecutionStatus.PARTIAL, "PARTIAL: db"), TALLY
    ),
    "send_run_finished after a failed action": lambda: operator_messages.send_run_finished(
        EXECUTION, ExecutionVerdict(ExecutionStatus.FAILED, "FAILED: db; action smoke is FAILED"), Tally(6, 6)
    ),
    "send_wave_settled after a failed action": lambda: operator_messages.send_wave_settled(
        EXECUTION,
        WAVES[0],
        WaveVerdict(WaveStatus.FAILED, "action smoke is FAILED"),
        Tally(6, 6),
        has_failed_actions=True,
    ),
    "send_target_missed of a run": lambda: overdue_messages.send_target_missed(
        RUN, None, 60, overdue_messages.describe_wait_of_wave(RUN, ASKING)
    ),
    "send_target_missed of a wave": lambda: overdue_messages.send_target_missed(
        RUN,
        "db",
        60,
        [
            overdue_messages.describe_wait_of_run(RUN),
            *overdue_messages.describe_action(RUN, TASK),
            *overdue_messages.describe_action(RUN, FREEZE),
        ],
    ),
    "send_approval_due": lambda: overdue_messages.send_approval_due(RUN, "app", clock.now() + 1_800, "reject"),
    "send_job_overdue": lambda: overdue_messages.send_job_overdue(
        RUN, BATCH, "drsjob-1", "conversion, 61 min of usual 9"
    ),
    "notify_retries_exhausted": lambda: retries_exhausted.notify_retries_exhausted(
        PLACE, "StartRecovery", CaughtError("DrsThrottled", "too many"), 8, 60
    ),
    "notify_retries_exhausted of a target": lambda: retries_exhausted.notify_retries_exhausted(
        replace(PLACE, batch=None), "InspectTarget", CaughtError("DrsUnavailable", "no answer"), 8, 60
    ),
    **{
        f"send_alarm {name}": lambda name=name: _send_alarm(name, AlarmState.ALARM, AlarmState.OK)  # type: ignore[misc]
        for name in ALARMS
    },
    "send_alarm ended": lambda: _send_alarm("circuit-open", AlarmState.OK, AlarmState.ALARM),
    "send_alarm without data": lambda: _send_alarm("api-errors", AlarmState.INSUFFICIENT_DATA, AlarmState.ALARM),
    "send_alarm without a text": lambda: _send_alarm("of-tomorrow", AlarmState.ALARM, AlarmState.OK),
}


def senders() -> set[str]:
    """The functions of the code that send a message."""
    return {
        name
        for module in MODULES
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and name.startswith(("send_", "notify_"))
    }


def send_all() -> dict[str, dict[str, Any]]:
    """The message of each sender, by its name, as a subscription gets it."""
    moto_patches.install()
    environment = {table_setting(name): name for name in tables()}
    with mock_aws(), _Environment(environment):
        topic = boto3.client("sns", WEST).create_topic(Name="operators")["TopicArn"]
        queues = boto3.client("sqs", WEST)
        queue = queues.create_queue(QueueName="operators")["QueueUrl"]
        arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        boto3.client("sns", WEST).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        with _Environment({"OPERATORS_TOPIC_ARN": topic, "AWS_DEFAULT_REGION": WEST}):
            return {name: _send(send, queues, queue) for name, send in SENDERS.items()}


class _Environment:
    """Settings for a time. What the product has cached of the environment is forgotten before and after."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        import pytest

        self._patch, self._variables = pytest.MonkeyPatch(), variables

    def __enter__(self) -> None:
        for name, value in self._variables.items():
            self._patch.setenv(name, value)
        self._forget()

    def __exit__(self, *error: object) -> None:
        self._patch.undo()
        self._forget()

    @staticmethod
    def _forget() -> None:
        settings.cache_clear()
        sns._client.cache_clear()


def _send(send: Callable[[], None], queues: Any, queue: str) -> dict[str, Any]:
    send()
    (message,) = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    body: dict[str, Any] = json.loads(message["Body"])
    return body


def commands_in(text: str) -> list[str]:
    """The commands of a message: from the name to the options of the deployment."""
    return re.findall(r"drs-waves [a-z][^\n]*?(?: --sandbox| --region [a-z0-9-]+)", text)
