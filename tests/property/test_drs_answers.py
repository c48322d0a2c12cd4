"""Whatever subset of its members an answer of DRS has, reading it never raises and keeps what is there.

Answers are generated from botocore's model: any optional member may be missing, an enumeration may have a value that
the model does not list, a structure may have a member that it does not know, and texts may be anything.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import botocore.session
from botocore.model import Shape
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import clock
from recovery.domain.drs_shapes.job_log import JobLog, JobLogEntry
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.drs_shapes.members import read_time
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.drs_shapes.source_servers import ServerReplication, Snapshot, SourceServer
from recovery.domain.execution import ServerStatus
from recovery.domain.launch_failures import MAX_CAUSE_LENGTH, clean_cause
from recovery.domain.server_result import ServerResult
from recovery.domain.target import Target
from recovery.drs.records import parse_items
from recovery.runs.launch_results import Evidence, judge_server

MODEL = botocore.session.get_session().get_service_model("drs")
EXAMPLES = settings(max_examples=200, deadline=None)
HERE = Target("444455556666", "eu-central-1")

# Few ids, so that the parts of different answers meet.
SERVERS = ["s-6e1d2c3b4a5f60701", "s-6e1d2c3b4a5f60702"]
JOBS = ["drsjob-5c3a9e7d1b2f40611", "drsjob-5c3a9e7d1b2f40622"]
INSTANCES = ["i-0d4c3b2a1f0e50611", "i-0d4c3b2a1f0e50622"]
IDS: dict[str, list[str]] = {
    "SourceServerID": SERVERS,
    "JobID": JOBS,
    "RecoveryInstanceID": INSTANCES,
    "EC2InstanceID": INSTANCES,
}
# Structures that nothing of ours reads, and that would make examples large.
UNREAD = {"ConversionProperties", "EventResourceData", "RecoveryInstanceFailback", "SourceCloudProperties"}

moments = st.datetimes(datetime(1971, 1, 2), datetime(2199, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
times = st.one_of(
    moments.map(datetime.isoformat),
    moments.map(lambda moment: moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")),
    st.text(max_size=30),
)


def shaped(shape: Shape) -> st.SearchStrategy[Any]:
    """Any value of the shape, and some that only a later model would allow."""
    kind: Any = shape
    if shape.name in IDS:
        return st.sampled_from(IDS[shape.name])
    if shape.name in UNREAD:
        return st.just({})
    if shape.type_name == "structure":
        members = {name: shaped(member) for name, member in kind.members.items()}
        required = {name: member for name, member in members.items() if name in kind.required_members}
        optional = {name: member for name, member in members.items() if name not in required}
        return st.fixed_dictionaries(required, optional={**optional, "aMemberOfLater": st.text(max_size=3)})
    if shape.type_name == "list":
        return st.lists(shaped(kind.member), max_size=3)
    if shape.type_name == "map":
        return st.dictionaries(st.sampled_from(["Name", "drs-waves:batch", "x"]), st.text(max_size=5), max_size=2)
    if shape.type_name == "string":
        if "Datetime" in shape.name:
            return times
        return st.sampled_from([*getattr(kind, "enum", ()), "OF_LATER"]) if kind.enum else st.text(max_size=20)
    return {"boolean": st.booleans(), "double": st.floats(0, 1e9)}.get(shape.type_name, st.integers(0, 10**9))


def items(name: str) -> st.SearchStrategy[Any]:
    return shaped(MODEL.shape_for(name))


jobs, logs = items("Job"), st.lists(items("JobLog"), max_size=6)
listings = st.lists(items("RecoveryInstance"), max_size=4)


# --- reading ------------------------------------------------------------------------------------------------------
@EXAMPLES
@given(jobs)
def test_a_job_keeps_every_participant_with_its_status(item: dict[str, Any]) -> None:
    job = Job.from_drs(item)
    participants = item.get("participatingServers", [])
    assert (job.job_id, job.server_count) == (item["jobID"], len(participants))
    named = [(part["sourceServerID"], part.get("launchStatus", "PENDING"), part.get("recoveryInstanceID"))
             for part in participants if "sourceServerID" in part]  # fmt: skip
    assert [(each.server_id, each.status, each.recovery_instance_id) for each in job.launches] == named
    assert job.is_completed == (item.get("status") == "COMPLETED")
    assert job.tags == item.get("tags", {})
    assert clock.iso(clock.parse_iso(job.created_at)) == job.created_at


@EXAMPLES
@given(items("RecoveryInstance"))
def test_a_recovery_instance_is_read_if_it_has_its_ids(item: dict[str, Any]) -> None:
    found = LaunchedInstance.from_drs(item)
    assert (found is not None) == ("recoveryInstanceID" in item and "sourceServerID" in item)
    if found:
        assert (found.instance_id, found.server_id) == (item["recoveryInstanceID"], item["sourceServerID"])
        assert (found.job_id, found.is_drill) == (item.get("jobID"), item.get("isDrill", False))
        assert found.state == item.get("ec2InstanceState", "")


@EXAMPLES
@given(items("SourceServer"))
def test_a_source_server_is_read_if_it_has_its_id(item: dict[str, Any]) -> None:
    found = parse_items(HERE, "describe_source_servers", SourceServer.from_drs, [item])
    states = parse_items(HERE, "describe_source_servers", ServerReplication.from_drs, [item])
    assert len(found) == len(states) == ("sourceServerID" in item)
    for server in found:
        assert server.server_id == item["sourceServerID"]
        assert server.replication_state == item.get("dataReplicationInfo", {}).get("dataReplicationState", "")
        assert server.tags == item.get("tags", {})
        assert server.hostname


@EXAMPLES
@given(items("RecoverySnapshot"))
def test_a_snapshot_is_read_if_it_has_a_time(item: dict[str, Any]) -> None:
    found = Snapshot.from_drs(item)
    assert (found is not None) == bool(item["snapshotID"] and read_time(item, "timestamp"))


@EXAMPLES
@given(logs)
def test_a_log_keeps_each_instance_and_error_of_a_server(entries: list[dict[str, Any]]) -> None:
    log = JobLog.from_entries(map(JobLogEntry.from_drs, entries))
    for server_id in SERVERS:
        own = [entry for entry in entries if entry.get("eventData", {}).get("sourceServerID") == server_id]
        summed = log.of_server(server_id)
        previous = any(entry.get("event") == "USING_PREVIOUS_SNAPSHOT" for entry in own)
        assert summed.used_previous_snapshot == previous
        launched = {entry["eventData"].get("targetInstanceID") for entry in own
                    if not entry.get("event", "").startswith("CLEANUP_")}  # fmt: skip
        assert summed.instance_id in (launched - {None} or {None})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "jobID", "sourceServerID", "recoveryInstanceID", "participatingServers", "tags", "status", "eventData",
        "dataReplicationInfo", "sourceProperties", "creationDateTime", "snapshotID", "timestamp",
    ]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
parsers: st.SearchStrategy[Callable[[Any], Any]] = st.sampled_from(
    [
        Job.from_drs,
        JobLogEntry.from_drs,
        LaunchedInstance.from_drs,
        SourceServer.from_drs,
        ServerReplication.from_drs,
        Snapshot.from_drs,
    ]
)


@EXAMPLES
@given(parsers, st.lists(anything, max_size=5), jobs, st.integers(0, 5))
def test_a_record_that_is_not_even_one_never_hides_another(
    parse: Callable[[Any], Any], garbage: list[Any], good: dict[str, Any], at: int
) -> None:
    parse_items(HERE, "describe_anything", parse, garbage)
    page = [*garbage[:at], good, *garbage[at:]]
    assert good["jobID"] in {job.job_id for job in parse_items(HERE, "describe_jobs", Job.from_drs, page)}


# --- times --------------------------------------------------------------------------------------------------------
@EXAMPLES
@given(moments, moments, st.integers(-14 * 60, 14 * 60))
def test_times_of_any_form_and_offset_keep_their_moment_and_their_order(
    one: datetime, other: datetime, offset: int
) -> None:
    shifted = one.astimezone(timezone(timedelta(minutes=offset)))
    read = read_time({"at": shifted.isoformat()}, "at")
    assert read is not None
    assert abs(clock.parse_iso(read) - one.timestamp()) <= 0.001
    later = read_time({"at": other.isoformat()}, "at")
    assert later is not None
    if abs(one - other) > timedelta(milliseconds=1):
        assert (read < later) == (one < other)


# --- verdicts -----------------------------------------------------------------------------------------------------
def judge(item: dict[str, Any], entries: list[dict[str, Any]], listed: list[dict[str, Any]]) -> list[ServerResult]:
    log = JobLog.from_entries(map(JobLogEntry.from_drs, entries))
    instances = parse_items(HERE, "describe_recovery_instances", LaunchedInstance.from_drs, listed)
    evidence = Evidence.collect(Job.from_drs(item), log, instances)
    return [judge_server(server_id, evidence) for server_id in SERVERS]


@settings(max_examples=400, deadline=None)
@given(jobs, logs, listings)
def test_every_server_has_one_consistent_result_and_a_launch_is_never_lost(
    item: dict[str, Any], entries: list[dict[str, Any]], listed: list[dict[str, Any]]
) -> None:
    results = judge(item, entries, listed)
    statuses = {part["sourceServerID"]: part.get("launchStatus") for part in item.get("participatingServers", [])
                if "sourceServerID" in part}  # fmt: skip
    launched = [result for result in results if result.status is ServerStatus.LAUNCHED]
    failed = [result for result in results if result.status is ServerStatus.FAILED]
    assert len(launched) + len(failed) == len(SERVERS)
    for result in results:
        assert result.job_id == item["jobID"]
        if statuses.get(result.server_id) == "LAUNCHED":
            assert result in launched
        if statuses.get(result.server_id) in ("FAILED", "TERMINATED"):
            assert result in failed
    for result in launched:
        assert (result.reason, result.failure) == (None, None)
        assert statuses.get(result.server_id) == "LAUNCHED" or result.recovery_instance_id
    for result in failed:
        assert result.failure
        assert result.failure.cause
        assert result.failure.advice
        assert result.failure.cause in str(result.reason)
        assert len(str(result.reason)) <= MAX_CAUSE_LENGTH + 150


@EXAMPLES
@given(jobs, logs, listings)
def test_an_instance_of_another_job_is_never_reported(
    item: dict[str, Any], entries: list[dict[str, Any]], listed: list[dict[str, Any]]
) -> None:
    of_others = [
        {**each, "jobID": "drsjob-5c3a9e7d1b2f40699", "recoveryInstanceID": "i-of-another-job"} for each in listed
    ]
    assert all(result.recovery_instance_id != "i-of-another-job" for result in judge(item, entries, of_others))


@EXAMPLES
@given(st.text(max_size=2_000))
def test_a_cause_is_one_printable_line_of_bounded_length(text: str) -> None:
    cause = clean_cause(text)
    assert len(cause) <= MAX_CAUSE_LENGTH
    assert cause == " ".join(cause.split())
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in cause)
