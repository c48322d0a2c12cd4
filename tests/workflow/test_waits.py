"""How long the machines wait and how many events that costs, computed from the built machines and the real rules."""

import random
import re
from collections.abc import Callable, Sequence
from statistics import mean

import pytest

from recovery.domain import polling
from recovery.store import job_durations
from scripts import machines
from tests.harness.asl import states
from tests.harness.limits import HISTORY_LIMIT
from tests.support import waits

MINUTE, HOUR = 60, 3_600
BATCHES, AT_A_TIME, READS_AHEAD = 40, 6, 2
POLL = ("PollJob", "JobFinished?", "WaitForJob", "PollJob")
CAPACITY = ("CheckCapacity", "CapacityFree?", "WaitForCapacity", "CheckCapacity")
PROFILES = ("ApplySettings", "SettingsApplied?", "WaitForSettings", "ApplySettings")
OUTAGE = ("CheckCapacity", "NotifyOperators?", "WaitForDrs", "WhereToResume?", "CheckCapacity")
TARGET = ("InspectTarget", "WaitLonger?", "WaitForTarget", "InspectTarget")
REFUSED = "Lambda.TooManyRequestsException"
# The names by which Step Functions reports that Lambda did not run a function, and that it does not know:
# https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
REFUSALS = {
    REFUSED,
    *(f"Lambda.{name}" for name in ("ServiceException", "AWSLambdaException", "SdkClientException")),
    "Lambda.ClientExecutionTimeoutException",
}


def header(name: str) -> str:
    """What a machine's source says before its definition."""
    return (machines.SOURCES / f"{name}.asl.yaml").read_text().partition("\nComment:")[0]


def words(text: str) -> str:
    return " ".join(" ".join(line.lstrip("# ") for line in text.splitlines()).split())


def loop(path: tuple[str, ...]) -> int:
    """The events of a loop of recover-target, which ends in the state where it began."""
    return waits.events_of_path("recover_target", path) - waits.events_of_path("recover_target", path[-1:])


def polls_of_job(took: float, expected: float) -> int:
    age, polls = 0.0, 0
    while age < took:
        age += polling.seconds_to_next_poll(age, expected)
        polls += 1
    return polls


def capacity_checks(seconds: float, ends_in: Sequence[float] = ()) -> int:
    age, checks = 0.0, 0
    while age < seconds:
        age += polling.seconds_to_next_capacity_check(checks, ends_in)
        checks += 1
    return checks


def tries_within(seconds: float, delays: list[float]) -> int:
    """How many of a task's retries come within this time on average."""
    age, tries = 0.0, 0
    while age < seconds:
        age += delays[tries] / 2
        tries += 1
    return tries


# --- jobs -------------------------------------------------------------------------------------------------------
EXPECTED: dict[str, Callable[[float], float]] = {
    "unknown": lambda took: polling.EXPECTED_JOB_SECONDS,
    "right": lambda took: took,
    "a half": lambda took: took / 2,
    "a third": lambda took: took / 3,
    "double": lambda took: took * 2,
    "threefold": lambda took: took * 3,
}


@pytest.mark.parametrize("expectation", EXPECTED)
@pytest.mark.parametrize("minutes", [9, 30, 45, 60])
def test_forty_batches_and_the_polls_of_their_jobs_leave_a_third_of_the_history(minutes: int, expectation: str) -> None:
    """Each job is STARTED from its first second: only its age and the expectation say when it will end."""
    polls = polls_of_job(minutes * MINUTE, EXPECTED[expectation](minutes * MINUTE))
    events_of_batch, _ = rows_of_table()[0]
    assert polls < 40
    assert BATCHES * (events_of_batch + polls * loop(POLL)) <= HISTORY_LIMIT * 2 / 3


@pytest.mark.parametrize("seed", range(100))
def test_a_drill_of_three_waves_waits_for_the_polls_of_its_jobs_a_ninth_of_its_time_at_most(seed: int) -> None:
    """Two batches in each wave, jobs of nine minutes give or take a tenth, and at first no job to learn from."""
    chance = random.Random(seed)
    expected = [float(polling.EXPECTED_JOB_SECONDS)] * 2
    ideal = total = 0.0
    for _ in range(3):
        took = [chance.uniform(0.9, 1.1) * 9 * MINUTE for _ in expected]
        ideal += max(took)
        total += max(seen_at(*job) for job in zip(took, expected, strict=True))
        weight = job_durations.NEWEST_JOB_WEIGHT
        expected = [(1 - weight) * usual + weight * seconds for usual, seconds in zip(expected, took, strict=True)]
    assert total <= ideal * 10 / 9


def seen_at(took: float, expected: float) -> float:
    """The age of the job when a poll finds that it has ended."""
    age = 0.0
    while age < took:
        age += polling.seconds_to_next_poll(age, expected)
    return age


def rows_of_table() -> list[tuple[int, int]]:
    """The events of one, and in all, of each row in the header of recover-target."""
    row = re.compile(r"#  .*  (\d+)   \S.*  ([\d,]+)")
    found = [row.fullmatch(line) for line in header("recover_target").splitlines()]
    return [(int(match[1]), int(match[2].replace(",", ""))) for match in found if match]


def test_the_table_of_recover_target_is_right_and_adds_up_to_less_than_a_history() -> None:
    most_polls = max(polls_of_job(HOUR, expected) for expected in range(60, 4 * HOUR, 10))
    in_an_hour, at_most = capacity_checks(HOUR), capacity_checks(HOUR, ends_in=[0])
    tries = tries_within(HOUR, waits.longest_delays(waits.retrier("recover_target", "PollJob", REFUSED)))
    batch, *others = rows_of_table()
    computed = [
        (waits.events_of_path("recover_target", ("ReadAhead",)), BATCHES * READS_AHEAD * waits.EVENTS["Task"]),
        (loop(POLL), BATCHES * most_polls * loop(POLL)),
        (loop(CAPACITY), 8 * in_an_hour * loop(CAPACITY)),
        (loop(CAPACITY), AT_A_TIME * at_most * loop(CAPACITY)),
        (loop(TARGET), 175 * loop(TARGET)),
        (waits.EVENTS_OF_A_TRY, AT_A_TIME * tries * waits.EVENTS_OF_A_TRY),
    ]
    assert batch[1] == BATCHES * batch[0]
    assert [events for events, _ in others] == [events for events, _ in computed]
    assert [in_all for _, in_all in others] == pytest.approx([in_all for _, in_all in computed], abs=60)
    assert sum(in_all for _, in_all in [batch, *others]) < HISTORY_LIMIT
    said = words(header("recover_target"))
    assert f"a poll of its job {loop(POLL)} at most {most_polls} times" in said
    assert f"{in_an_hour} times in an hour, 8 hours, 1 batch" in said
    assert f"{at_most} times in an hour, {AT_A_TIME} batches (c)" in said
    assert f"{tries} times in an hour, {AT_A_TIME} batches" in said


def test_the_header_of_recover_target_says_what_launch_profiles_cost() -> None:
    first = waits.events_of_path("recover_target", PROFILES[:2])
    in_all = BATCHES * (first + 2 * loop(PROFILES))
    of_others = AT_A_TIME * capacity_checks(HOUR, ends_in=[0]) * loop(CAPACITY)
    said = words(header("recover_target"))
    assert f"cost a batch {first} more and {loop(PROFILES)} for each further round: {in_all:,} for 40 batches" in said
    assert f"as much as {round(60 * in_all / of_others)} minutes of (c)" in said


# --- outages of DRS ---------------------------------------------------------------------------------------------
def test_the_waits_of_the_machine_are_those_that_the_record_tells_of() -> None:
    for failures in range(1, 60):
        seconds = polling.seconds_to_next_try(failures)
        assert waits.wait_seconds("recover_target", "WaitForDrs", consecutiveFailures=failures) == seconds
        assert waits.wait_seconds("recover_target", "WaitForTarget", waits=failures, busy=False) == seconds


@pytest.mark.parametrize("seed", range(200))
def test_fifteen_minutes_of_throttling_cost_a_start_seventeen_at_most(seed: int) -> None:
    """DRS throttles every StartRecovery for 15 minutes; the first try after that starts the job."""
    tries = waits.tries_of_a_batch("DrsThrottled", random.Random(seed))
    started = next(age for age, _ in tries if age >= 15 * MINUTE)
    assert started <= 17 * MINUTE


@pytest.mark.parametrize("hours", [1, 2, 6, 24])
def test_the_end_of_a_long_outage_is_noticed_within_an_eighth_of_it_or_a_quarter_of_an_hour(hours: int) -> None:
    for seed in range(20):
        tries = waits.tries_of_a_batch("DrsUnavailable", random.Random(seed))
        late = next(age for age, _ in tries if age >= hours * HOUR) - hours * HOUR
        assert late <= min(hours * HOUR / 8 + MINUTE, 15 * MINUTE)


def test_the_history_of_recover_target_has_room_for_an_outage_of_36_hours() -> None:
    retries = len(waits.longest_delays(waits.retrier("recover_target", "CheckCapacity", "DrsUnavailable")))
    # A Task that fails in the end has no event of success: the last try is one of those that fail.
    of_a_round = loop(OUTAGE) + retries * waits.EVENTS_OF_A_TRY
    rounds = HISTORY_LIMIT // (AT_A_TIME * of_a_round)
    tries = waits.tries_of_a_batch("DrsUnavailable", random.Random(1))
    ends = next(age for age, failures in tries if failures == rounds)
    assert ends > 36 * HOUR
    said = words(header("recover_target"))
    assert f"A round of an outage costs {of_a_round} events for each of six batches" in said
    assert f"room for {rounds} rounds. They last {round(ends / HOUR)} hours." in said


def test_operators_are_told_at_the_latest_when_the_record_marks_the_batch_as_waiting() -> None:
    (rule, *_) = waits.state("recover_target", "NotifyOperators?")["Choices"]
    assert f"$consecutiveFailures % {polling.FAILURES_BEFORE_MARK} = 0" in rule["Condition"]


# --- refusals of Lambda -----------------------------------------------------------------------------------------
FUNCTIONS = [
    pytest.param(file.name.removesuffix(".asl.yaml"), one.name, id=f"{file.name.split('.')[0]}/{one.where}")
    for file in sorted(machines.SOURCES.glob("*.asl.yaml"))
    for one in states(waits.machine(file.name.removesuffix(".asl.yaml")))
    # What ReadAhead does not read, the next start reads.
    if "lambda:invoke" in str(one.body.get("Resource")) and one.name != "ReadAhead"
]


@pytest.mark.parametrize(("name", "where"), FUNCTIONS)
def test_every_task_is_tried_for_more_than_an_hour_while_lambda_refuses_to_run_its_function(
    name: str, where: str
) -> None:
    rule = waits.retrier(name, where, REFUSED)
    assert set(rule["ErrorEquals"]) >= REFUSALS
    delays = waits.longest_delays(rule)
    for seed in range(200):
        chance = random.Random(seed)
        assert sum(chance.uniform(0, delay) for delay in delays) > HOUR + 10 * MINUTE
    assert max(delays) <= 2 * MINUTE, "so the run goes on two minutes after the end at the latest"
    assert len(delays) * waits.EVENTS_OF_A_TRY <= 300


def test_the_tries_that_lambda_refuses_fit_the_histories() -> None:
    delays = waits.longest_delays(waits.retrier("recover_plan", "StartWave", REFUSED))
    tries = tries_within(HOUR, delays)
    assert mean(delays) / 2 == pytest.approx(MINUTE, rel=0.1)
    plan, sync = words(header("recover_plan")), words(header("sync_cache"))
    of_plan = 40 * tries * waits.EVENTS_OF_A_TRY
    assert f"costs a task {tries} tries of 3 events: {round(of_plan, -2):,} for 40" in plan
    assert 6_000 + 7_600 + of_plan < HISTORY_LIMIT
    assert f"costs each of 20 targets {tries} tries of 3 events: {round(20 * tries * 3, -2):,}." in sync
    assert 12_500 + 2 * 20 * tries * waits.EVENTS_OF_A_TRY < HISTORY_LIMIT
    assert f"each of six chunks {tries} tries of 3 events" in words(header("clean_up_drill"))
