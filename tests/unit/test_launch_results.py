"""The result of each server of a completed job, from answers shaped as DRS gives them."""

import logging
from dataclasses import replace

import pytest

from recovery.domain.drs_shapes.durations import parse_duration
from recovery.domain.drs_shapes.job_log import JobLog, JobLogEntry
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.drs_shapes.source_servers import ServerReplication, Snapshot, SourceServer
from recovery.domain.execution import ServerStatus
from recovery.domain.launch_failures import (
    ADVICE,
    MAX_CAUSE_LENGTH,
    FailureKind,
    LaunchFailure,
    clean_cause,
    judge_error,
)
from recovery.domain.server_result import ServerResult
from recovery.domain.target import Target
from recovery.drs.records import parse_items
from recovery.runs.launch_results import JUDGED_BY_INSTANCE, USED_PREVIOUS_SNAPSHOT, Evidence, judge_server
from tests.support import drs_answers

HERE = Target("444455556666", "eu-central-1")
FIRST, SECOND, THIRD = (f"s-6e1d2c3b4a5f6070{number}" for number in (1, 2, 3))
JOB = "drsjob-5c3a9e7d1b2f40611"


def job(**changes: object) -> Job:
    return Job.from_drs(drs_answers.load("jobs")[0] | changes)


def log(*without: str) -> JobLog:
    entries = map(JobLogEntry.from_drs, drs_answers.load("job_log"))
    return JobLog.from_entries(entry for entry in entries if entry.event not in without)


def listed() -> list[LaunchedInstance]:
    items = drs_answers.load("recovery_instances")
    return parse_items(HERE, "describe_recovery_instances", LaunchedInstance.from_drs, items)


def evidence(of: Job | None = None, its_log: JobLog | None = None) -> Evidence:
    return Evidence.collect(of or job(), log() if its_log is None else its_log, listed())


def participants(*launches: tuple[str, str | None]) -> Job:
    shaped = [{"sourceServerID": server} | ({"launchStatus": status} if status else {}) for server, status in launches]
    return job(participatingServers=shaped)


def failure_of(result: ServerResult) -> LaunchFailure:
    assert result.status is ServerStatus.FAILED
    assert result.failure is not None
    return result.failure


# --- instances ----------------------------------------------------------------------------------------------------
def test_a_launched_server_has_the_instance_of_its_job_and_the_time_of_its_data() -> None:
    result = judge_server(FIRST, evidence())
    assert (result.status, result.job_id) == (ServerStatus.LAUNCHED, JOB)
    assert (result.recovery_instance_id, result.data_at) == ("i-0d4c3b2a1f0e50611", "2026-05-12T06:30:02.391Z")
    assert (result.reason, result.failure, result.warnings) == (None, None, ())


def test_an_instance_without_a_job_is_recognized_by_the_log() -> None:
    result = judge_server(THIRD, evidence())
    assert (result.recovery_instance_id, result.data_at) == ("i-0d4c3b2a1f0e50633", "2026-05-12T06:20:00.000Z")


def test_an_instance_that_drs_does_not_list_yet_is_known_from_the_log() -> None:
    result = judge_server(FIRST, Evidence.collect(job(), log(), []))
    assert (result.status, result.recovery_instance_id) == (ServerStatus.LAUNCHED, "i-0d4c3b2a1f0e50611")
    assert result.data_at is None


def test_an_instance_of_an_earlier_job_is_never_taken_for_one_of_this_job() -> None:
    assert judge_server(SECOND, evidence()).recovery_instance_id is None
    launched = participants((SECOND, "LAUNCHED"))
    assert judge_server(SECOND, evidence(launched)).recovery_instance_id is None


def test_the_instance_of_the_conversion_is_not_the_one_that_was_launched() -> None:
    result = judge_server(FIRST, Evidence.collect(job(), log("LAUNCH_END"), []))
    assert (result.status, result.recovery_instance_id) == (ServerStatus.LAUNCHED, None)


def test_a_launched_server_without_an_instance_anywhere_is_launched() -> None:
    result = judge_server(FIRST, Evidence.collect(job(), JobLog(), []))
    assert (result.status, result.recovery_instance_id) == (ServerStatus.LAUNCHED, None)


# --- statuses -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [None, "PENDING", "IN_PROGRESS", "WARMED_UP"])
def test_a_status_that_says_nothing_leaves_the_verdict_to_the_instance(status: str | None) -> None:
    of = participants((FIRST, status), (SECOND, status))
    result = judge_server(FIRST, evidence(of))
    assert (result.status, result.warnings) == (ServerStatus.LAUNCHED, (JUDGED_BY_INSTANCE,))
    assert failure_of(judge_server(SECOND, evidence(of))).kind is FailureKind.QUOTA


def test_a_status_that_says_nothing_and_no_instance_is_a_failure() -> None:
    result = judge_server(FIRST, Evidence.collect(participants((FIRST, "REHEARSED")), JobLog(), []))
    assert failure_of(result).kind is FailureKind.NOT_GIVEN
    assert "REHEARSED" in str(result.reason)


def test_a_server_that_the_job_does_not_name_is_judged_by_the_log() -> None:
    of = job(participatingServers=[{"launchStatus": "LAUNCHED"}, {}])
    assert judge_server(FIRST, evidence(of)).status is ServerStatus.LAUNCHED
    assert "does not name this server" in str(judge_server(SECOND, evidence(of)).reason)
    assert of.server_count == 2


def test_a_previous_snapshot_is_a_warning_of_its_server_alone() -> None:
    assert judge_server(THIRD, evidence()).warnings == (USED_PREVIOUS_SNAPSHOT,)
    assert judge_server(FIRST, evidence()).warnings == ()


CONTRADICTIONS = [
    ({"event": "LAUNCH_END", "eventData": {"sourceServerID": SECOND, "rawError": "InsufficientInstanceCapacity"}},
     "LAUNCH_END: InsufficientInstanceCapacity"),
    ({"event": "CONVERSION_FAIL", "eventData": {"sourceServerID": SECOND}}, "CONVERSION_FAIL; DRS gave no cause"),
    ({"event": "SERVER_SKIPPED", "eventData": {"sourceServerID": SECOND}}, "DRS skipped the server"),
    ({"event": "DEPLOY_NETWORK_CONFIGURATION_FAILED", "eventData": {"rawError": "no VPC"}}, "no VPC"),
    ({"event": "JOB_CANCEL"}, "the job was cancelled"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), CONTRADICTIONS)
def test_a_launched_server_without_an_instance_has_a_warning_of_what_its_log_says(
    entry: dict[str, object], said: str
) -> None:
    launched, its_log = participants((SECOND, "LAUNCHED")), JobLog.from_entries([JobLogEntry.from_drs(entry)])
    ids = {"recoveryInstanceID": "i-0d4c3b2a1f0e50622", "sourceServerID": SECOND, "jobID": JOB}
    gone = LaunchedInstance.from_any(ids | {"ec2InstanceState": "TERMINATED"})
    for instances in ([], [gone]):
        result = judge_server(SECOND, Evidence.collect(launched, its_log, instances))
        assert result.status is ServerStatus.LAUNCHED
        (warning,) = result.warnings
        assert said in warning
    there = Evidence.collect(launched, its_log, [replace(gone, state="RUNNING")])
    assert judge_server(SECOND, there).warnings == ()


def test_the_log_of_a_cancelled_job_that_names_the_instance_contradicts_nothing() -> None:
    entries = [JobLogEntry("JOB_CANCEL"), JobLogEntry("LAUNCH_END", server_id=SECOND, instance_id="i-1")]
    launched = participants((SECOND, "LAUNCHED"))
    assert judge_server(SECOND, Evidence.collect(launched, JobLog.from_entries(entries), [])).warnings == ()


# --- causes -------------------------------------------------------------------------------------------------------
def test_a_failed_server_has_the_error_of_the_log_its_kind_and_advice() -> None:
    result = judge_server(SECOND, evidence())
    failure = failure_of(result)
    assert failure.kind is FailureKind.QUOTA
    assert "VcpuLimitExceeded" in failure.cause
    assert "Service Quotas" in failure.advice
    assert str(result.reason).startswith(f"{JOB}: launch status FAILED; LAUNCH_END: An error occurred (VcpuLimit")


def test_a_failed_launch_without_a_cause_names_the_last_step_and_where_to_look() -> None:
    without = log("LAUNCH_END")
    failure = failure_of(judge_server(SECOND, evidence(its_log=without)))
    assert failure.kind is FailureKind.NOT_GIVEN
    assert failure.cause == "DRS gave no cause; its last step was LAUNCH_START"
    assert "CloudTrail" in failure.advice
    assert "RunInstances" in failure.advice


def test_a_server_whose_launch_action_failed_keeps_its_instance() -> None:
    action = {"action": {"name": "join the domain"}, "status": "FAILED", "failureReason": "no route to the controller"}
    part = {
        "sourceServerID": FIRST,
        "launchStatus": "FAILED",
        "launchActionsStatus": {"runs": [{"status": "SUCCEEDED"}, action]},
    }
    result = judge_server(FIRST, evidence(job(participatingServers=[part])))
    failure = failure_of(result)
    assert failure.kind is FailureKind.LAUNCH_ACTION
    assert failure.cause == "launch action join the domain: no route to the controller"
    assert result.recovery_instance_id == "i-0d4c3b2a1f0e50611"


OF_FIRST = {"sourceServerID": FIRST}


@pytest.mark.parametrize(
    ("event", "data", "kind"),
    [
        ("SERVER_SKIPPED", OF_FIRST, FailureKind.SKIPPED),
        ("JOB_CANCEL", None, FailureKind.CANCELLED),
        ("SNAPSHOT_FAIL", OF_FIRST, FailureKind.SNAPSHOT),
        ("USING_PREVIOUS_SNAPSHOT_FAILED", OF_FIRST, FailureKind.SNAPSHOT),
        ("CONVERSION_FAIL", OF_FIRST, FailureKind.CONVERSION),
        ("UPDATE_LAUNCH_TEMPLATE_FAILED", OF_FIRST, FailureKind.LAUNCH_TEMPLATE),
        ("NETWORK_RECOVERY_FAIL", {"rawError": "no such stack"}, FailureKind.NETWORK),
        ("CLEANUP_FAIL", {**OF_FIRST, "rawError": "in use"}, FailureKind.NOT_GIVEN),
        ("LAUNCH_FAILED", OF_FIRST, FailureKind.NOT_GIVEN),
    ],
)
def test_every_way_to_fail_has_its_kind(event: str, data: dict[str, str] | None, kind: FailureKind) -> None:
    its_log = JobLog.from_entries([JobLogEntry.from_drs({"event": event, "eventData": data})])
    result = judge_server(FIRST, Evidence.collect(participants((FIRST, "FAILED")), its_log, []))
    assert failure_of(result).kind is kind


def test_a_launch_that_succeeds_after_a_failed_try_has_not_failed() -> None:
    of_server = {"sourceServerID": FIRST}
    entries = [
        {"event": "LAUNCH_FAILED", "eventData": {**of_server, "rawError": "InsufficientInstanceCapacity"}},
        {"event": "LAUNCH_START", "eventData": of_server},
        {"event": "LAUNCH_END", "eventData": {**of_server, "targetInstanceID": "i-0d4c3b2a1f0e50611"}},
    ]
    own = JobLog.from_entries(map(JobLogEntry.from_drs, entries)).of_server(FIRST)
    assert own.is_launched
    failed = JobLog.from_entries(map(JobLogEntry.from_drs, entries[:2])).of_server(FIRST)
    assert failed.failure
    assert failed.failure.raw_error == "InsufficientInstanceCapacity"


def test_the_order_of_the_log_does_not_matter_if_its_entries_have_times() -> None:
    entries = list(map(JobLogEntry.from_drs, drs_answers.load("job_log")[:-1]))
    assert JobLog.from_entries(reversed(entries)) == JobLog.from_entries(entries)


ERRORS = [
    ("An error occurred (VcpuLimitExceeded) when calling the RunInstances operation: x", FailureKind.QUOTA),
    ("MaxIOPSLimitExceeded", FailureKind.QUOTA),
    ("An error occurred (RequestLimitExceeded) when calling the CreateVolume operation", FailureKind.THROTTLED),
    ("An error occurred (InsufficientInstanceCapacity) when calling the CreateFleet operation", FailureKind.CAPACITY),
    ("InsufficientFreeAddressesInSubnet: 0 addresses are free in subnet-1", FailureKind.ADDRESSES),
    ("An error occurred (UnauthorizedOperation) when calling the RunInstances operation", FailureKind.PERMISSION),
    ("User: arn:aws:iam::1:role/x is not authorized to perform: ssm:SendCommand", FailureKind.PERMISSION),
    ("An error occurred (AccessDeniedException) when calling the CreateGrant operation: kms:CreateGrant",
     FailureKind.ENCRYPTION_KEY),
    ("Client.InternalError: Client error on launch", FailureKind.ENCRYPTION_KEY),
    ("An error occurred (InvalidLaunchTemplateId.NotFound) when calling the RunInstances operation",
     FailureKind.LAUNCH_TEMPLATE),
    ("InvalidLaunchTemplateId.VersionNotFound", FailureKind.LAUNCH_TEMPLATE),
    ("An error occurred (InvalidSubnetID.NotFound) when calling the RunInstances operation", FailureKind.NETWORK),
    ("An error occurred (InvalidIPAddress.InUse) when calling the RunInstances operation", FailureKind.NETWORK),
    ("An error occurred (VPCIdNotSpecified) when calling the RunInstances operation: No default VPC",
     FailureKind.NETWORK),
    ("An error occurred (Unsupported) when calling the RunInstances operation: not in this zone",
     FailureKind.INSTANCE_TYPE),
    ("An error occurred (PendingVerification) when calling the RunInstances operation", FailureKind.ACCOUNT),
    ("an error that no table lists", FailureKind.OTHER),
    ("An error occurred (VcpuLimitExceeded) when calling the RunInstances operation: AccessDenied is not it",
     FailureKind.QUOTA),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), ERRORS)
def test_an_error_has_the_kind_of_its_code(text: str, kind: FailureKind) -> None:
    assert judge_error("LAUNCH_END", text).kind is kind


def test_every_kind_has_advice_and_every_error_a_test() -> None:
    assert set(ADVICE) == set(FailureKind)
    of_steps = {FailureKind.SNAPSHOT, FailureKind.CONVERSION, FailureKind.LAUNCH_ACTION, FailureKind.SKIPPED,
                FailureKind.CANCELLED, FailureKind.NOT_STARTED, FailureKind.NOT_GIVEN}  # fmt: skip
    assert {kind for _, kind in ERRORS} | of_steps == set(FailureKind)


def test_a_long_error_keeps_its_start_and_an_encoded_message_is_cut_out() -> None:
    cause = judge_error("LAUNCH_FAILED", "one\x00\ttwo\r\n" + "x" * 9_000).cause
    assert cause.startswith("LAUNCH_FAILED: one two xxx")
    assert len(cause) <= len("LAUNCH_FAILED: ") + MAX_CAUSE_LENGTH
    blob = "Qm9vZ2ll" * 400
    denied = clean_cause(f"You are not authorized. Encoded authorization failure message: {blob} (request id r-1)")
    assert "Qm9v" not in denied
    assert "aws sts decode-authorization-message" in denied
    assert denied.endswith("(request id r-1)")


# --- answers ------------------------------------------------------------------------------------------------------
def test_jobs_are_read_as_they_are() -> None:
    launch, ended, running, failback, bare = map(Job.from_drs, drs_answers.load("jobs"))
    assert (launch.created_at, launch.ended_at) == ("2026-05-12T06:30:01.482Z", "2026-05-12T06:39:07.918Z")
    assert [(each.server_id, each.status) for each in launch.launches] == [
        (FIRST, "LAUNCHED"),
        (SECOND, "FAILED"),
        (THIRD, "LAUNCHED"),
    ]
    assert (ended.is_completed, ended.launches) == (True, ())
    assert (running.launches, running.server_count) == ((), 2)
    assert running.unnamed[0].recovery_instance_id == "i-0d4c3b2a1f0e50601"
    assert (failback.launches, failback.server_count, failback.is_termination) == ((), 1, False)
    assert failback.started_by == (None, None)
    assert (bare.is_completed, bare.tags, bare.started_by) == (False, {}, (None, None))


def test_source_servers_are_read_as_they_are() -> None:
    items = drs_answers.load("source_servers")
    first, second = parse_items(HERE, "describe_source_servers", SourceServer.from_drs, items)
    assert (first.hostname, first.replication_state, first.lag_seconds) == ("ledger-db-1", "CONTINUOUS", 0)
    assert (first.staging_account_id, first.tags["source:account"]) == (None, "111122223333")
    assert (second.hostname, second.tags, second.lag_seconds) == (SECOND, {}, 93_600.5)
    seen, unseen = parse_items(HERE, "describe_source_servers", ServerReplication.from_drs, items)
    assert (seen.last_seen_at, seen.last_launch, seen.error) == ("2026-05-12T06:29:11.730Z", "NOT_STARTED", None)
    assert (unseen.hostname, unseen.last_seen_at, unseen.last_launch) == (None, None, None)
    elapsed = items[0]["lifeCycle"]["elapsedReplicationDuration"]
    assert parse_duration(elapsed) == 273_906.250001


def test_recovery_instances_are_read_as_they_are() -> None:
    drill, production, without_state = listed()
    assert (drill.is_drill, drill.is_live, drill.hostname) == (True, False, "ledger-db-1")
    assert (production.is_drill, production.is_live, production.ec2_instance_id) == (False, True, "i-0d4c3b2a1f0e50602")
    assert (without_state.state, without_state.is_live) == ("", True)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-03-04T19:15:38.846723+00:00", "2026-03-04T19:15:38.846Z"),
        ("2026-03-04T19:15:38.000Z", "2026-03-04T19:15:38.000Z"),
        ("2026-03-04T21:15:38+02:00", "2026-03-04T19:15:38.000Z"),
        ("2026-03-04T19:15:38", "2026-03-04T19:15:38.000Z"),
        ("0001-01-01T00:00:00+14:00", None),
        ("soon", None),
        ("", None),
        (1_772_651_738, None),
        (None, None),
    ],
)
def test_a_time_has_one_form_or_is_none(text: object, read: str | None) -> None:
    assert job(endDateTime=text).ended_at == read


def test_records_that_cannot_be_read_are_left_out_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    items = [{"sourceServerID": FIRST}, None, {"tags": {}}, "text", {"sourceServerID": SECOND, "tags": ["odd"]}]
    with caplog.at_level(logging.WARNING):
        servers = parse_items(HERE, "describe_source_servers", SourceServer.from_drs, items)
    assert [server.server_id for server in servers] == [FIRST, SECOND]
    (record,) = caplog.records
    assert vars(record)["records"] == 3
    assert parse_items(HERE, "describe_source_servers", SourceServer.from_drs, None) == []


def test_a_snapshot_that_is_not_complete_is_none() -> None:
    assert Snapshot.from_drs({"snapshotID": "pit-1", "expectedTimestamp": "2026-05-12T06:30:00Z"}) is None
    taken = Snapshot.from_drs({"snapshotID": "pit-1", "timestamp": "2026-05-12T06:30:00.500000+00:00"})
    assert taken == Snapshot("pit-1", 1_778_567_400.5)
