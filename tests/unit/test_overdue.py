"""When a job, a wave or a run takes too long, and the stage of a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.domain import polling
from recovery.domain.drs_shapes import job_stages
from recovery.domain.drs_shapes.job_log import JobLog, JobLogEntry
from recovery.observability import overdue_messages
from tests.support import sample_messages

MINUTE = 60


@pytest.mark.parametrize(
    ("age", "usual", "is_overdue"),
    [(44, 5, False), (45, 5, True), (59, 30, False), (60, 30, True), (119, 60, False), (120, 60, True)],
)
def test_a_job_is_overdue_after_twice_its_usual_time_and_not_before_45_minutes(
    age: int, usual: int, is_overdue: bool
) -> None:
    assert polling.is_job_overdue(age * MINUTE, usual * MINUTE) is is_overdue


def test_a_target_is_missed_by_the_second_after_it() -> None:
    assert not polling.is_past_target(3_600, 60)
    assert polling.is_past_target(3_601, 60)


def test_a_job_is_described_by_its_stage_its_age_and_its_usual_time() -> None:
    assert polling.describe_job("conversion", 14 * MINUTE, 20 * MINUTE) == "conversion, 14 min of usual 20"
    assert polling.describe_job(None, 90, None) == "stage not read yet, 2 min"


def log(**events: str) -> JobLog:
    """The log of a job in which each server (`a`, `b`) has these events, in order."""
    entries = [JobLogEntry(event, server_id=server) for server, names in events.items() for event in names.split()]
    return JobLog.from_entries(entries)


@pytest.mark.parametrize(
    ("events", "stage"),
    [
        ({}, "not begun"),
        ({"a": "SNAPSHOT_START"}, "not begun"),
        ({"a": "SNAPSHOT_START", "b": "SNAPSHOT_START SNAPSHOT_END CONVERSION_START"}, "snapshot"),
        ({"a": "CLEANUP_START", "b": "LAUNCH_START"}, "clean-up of the earlier instance"),
        ({"a": "USING_PREVIOUS_SNAPSHOT", "b": "LAUNCH_START"}, "snapshot"),
        ({"a": "CONVERSION_START", "b": "LAUNCH_START"}, "conversion"),
        ({"a": "LAUNCH_START", "b": "LAUNCH_START"}, "launch"),
        ({"a": "LAUNCH_START", "b": "SNAPSHOT_START SNAPSHOT_FAIL"}, "launch"),
        ({"a": "LAUNCH_START", "b": "CONVERSION_START LAUNCH_START LAUNCH_END"}, "launch"),
        ({"a": "LAUNCH_END", "b": "LAUNCH_END"}, "launch"),
    ],
)
def test_the_stage_of_a_job_is_that_of_the_servers_that_are_furthest_behind(events: dict[str, str], stage: str) -> None:
    assert job_stages.find_stage(log(**events), ["a", "b"]) == stage


EVENTS = [
    "SNAPSHOT_START",
    "SNAPSHOT_END",
    "CONVERSION_START",
    "LAUNCH_START",
    "LAUNCH_END",
    "JOB_START",
    "NEW_EVENT",
    "",
]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "", "c"]), st.sampled_from(EVENTS)), max_size=12))
def test_any_log_has_a_stage(entries: list[tuple[str, str]]) -> None:
    found = JobLog.from_entries([JobLogEntry(event, server_id=server or None) for server, event in entries])
    assert job_stages.find_stage(found, ["a", "b"])


# --- checks and actions -----------------------------------------------------------------------------------------------
def test_an_action_that_waits_for_a_person_is_named_with_its_answers() -> None:
    task, failed = sample_messages.TASK, sample_messages.FREEZE
    first, *commands = overdue_messages.describe_action(sample_messages.RUN, task)
    assert first == "action sign-off: a person to confirm it:"
    assert [command.split()[2:5] for command in commands] == [
        [sample_messages.RUN.execution_id, "sign-off", answer] for answer in ("confirm", "reject")
    ]
    assert overdue_messages.describe_action(sample_messages.RUN, failed)[0].startswith(
        "action freeze-writes: a decision"
    )
    answered = {**task, "answered": "CONFIRM#0", "status": "SUCCEEDED"}
    assert overdue_messages.describe_action(sample_messages.RUN, answered) == []


def test_servers_that_are_checked_are_counted_until_each_has_an_answer() -> None:
    row = {"wave": "db", "accountId": "111122223333", "region": "us-west-2", "batch": 1, "checked": 5, "verified": 2}
    (line,) = overdue_messages.describe_checks(row)
    assert line == "wave db: 3 of 5 servers of batch 1 in 111122223333/us-west-2 to pass their checks"
    assert overdue_messages.describe_checks({**row, "unverified": 3}) == []
