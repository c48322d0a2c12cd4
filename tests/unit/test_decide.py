"""Verdicts, each with its reason."""

import pytest

from recovery.decide import (
    FleetOfWave,
    judge_execution,
    judge_readiness,
    judge_refusal,
    judge_wave,
    may_wave_start,
    seconds_to_next_poll,
)
from recovery.execution import ExecutionStatus, Tally, WaveStatus
from recovery.plan import Wave

WEB = Wave("web", (), depends_on=("app", "cache"))
ALONE = Wave("db", ())
LENIENT = Wave("web", (), max_failed_percent=10)


def fleet(wave: Wave = ALONE, total: int = 10, blocked: int = 0) -> FleetOfWave:
    return FleetOfWave(wave, total, blocked, "s-1: unknown", "tags app=db in 1/us-east-1")


def test_a_wave_waits_while_one_it_depends_on_is_going_on() -> None:
    statuses = {"app": WaveStatus.COMPLETED, "cache": WaveStatus.IN_PROGRESS}
    assert may_wave_start(WEB, statuses) is None


def test_a_wave_starts_when_all_it_depends_on_have_succeeded() -> None:
    assert may_wave_start(WEB, {"app": WaveStatus.COMPLETED, "cache": WaveStatus.PARTIAL}) is True


@pytest.mark.parametrize("ended", [WaveStatus.FAILED, WaveStatus.SKIPPED])
def test_a_wave_is_skipped_as_soon_as_one_it_depends_on_has_not_succeeded(ended: WaveStatus) -> None:
    statuses = {"app": ended, "cache": WaveStatus.IN_PROGRESS}
    assert may_wave_start(WEB, statuses) is False
    verdict = judge_wave(WEB, statuses, Tally(total=3))
    assert verdict.status is WaveStatus.SKIPPED
    assert "app" in verdict.reason


def test_a_wave_with_every_server_launched_is_completed() -> None:
    assert judge_wave(ALONE, {}, Tally(total=3, launched=3)).status is WaveStatus.COMPLETED


def test_a_failed_server_fails_a_wave_without_tolerance() -> None:
    verdict = judge_wave(ALONE, {}, Tally(total=3, launched=2, failed=1), ["DrsRefused: no"])
    assert verdict.status is WaveStatus.FAILED
    assert "2 of 3" in verdict.reason
    assert "DrsRefused: no" in verdict.reason


def test_failed_and_excluded_servers_within_the_tolerance_make_a_wave_partial() -> None:
    verdict = judge_wave(LENIENT, {}, Tally(total=20, launched=18, failed=1, excluded=1))
    assert verdict.status is WaveStatus.PARTIAL


def test_a_server_without_a_result_counts_as_failed() -> None:
    assert judge_wave(LENIENT, {}, Tally(total=20, launched=17)).status is WaveStatus.FAILED


def test_a_wave_in_which_nothing_was_launched_has_failed_whatever_its_tolerance() -> None:
    wave = Wave("web", (), max_failed_percent=100)
    assert judge_wave(wave, {}, Tally(total=4, failed=4)).status is WaveStatus.FAILED


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([WaveStatus.COMPLETED, WaveStatus.COMPLETED], ExecutionStatus.COMPLETED),
        ([WaveStatus.COMPLETED, WaveStatus.PARTIAL], ExecutionStatus.PARTIAL),
        ([WaveStatus.COMPLETED, WaveStatus.FAILED], ExecutionStatus.PARTIAL),
        ([WaveStatus.FAILED, WaveStatus.SKIPPED], ExecutionStatus.FAILED),
        ([], ExecutionStatus.FAILED),
    ],
)
def test_a_run_is_what_its_waves_came_to(statuses: list[WaveStatus], expected: ExecutionStatus) -> None:
    assert judge_execution({str(n): status for n, status in enumerate(statuses)}).status is expected


def test_a_run_that_broke_has_failed_and_says_why() -> None:
    verdict = judge_execution({"db": WaveStatus.COMPLETED}, "States.Timeout: two days")
    assert verdict.status is ExecutionStatus.FAILED
    assert "two days" in verdict.reason


def test_a_wave_without_servers_is_refused_and_says_what_it_selects() -> None:
    assert judge_readiness([fleet(total=0)]) == ["wave db selects no servers (tags app=db in 1/us-east-1)"]


def test_blocked_servers_beyond_the_tolerance_refuse_the_run() -> None:
    (reason,) = judge_readiness([fleet(total=10, blocked=1), fleet(LENIENT, total=10, blocked=1)])
    assert "wave db: 1 of 10" in reason
    assert "s-1: unknown" in reason


def test_a_wave_whose_servers_are_all_blocked_is_refused_whatever_its_tolerance() -> None:
    assert judge_readiness([fleet(Wave("web", (), max_failed_percent=100), total=2, blocked=2)])


def test_many_refusals_are_told_in_short() -> None:
    verdict = judge_refusal([f"reason {number}" for number in range(25)])
    assert verdict.status is ExecutionStatus.NOT_READY
    assert verdict.reason.endswith("and 15 more")


def test_looks_get_closer_as_the_end_of_a_job_comes_near() -> None:
    waits = [seconds_to_next_poll(age, 1_200, "PENDING") for age in (0, 1_000, 1_100, 1_170, 1_200)]
    assert waits == [120, 100, 50, 20, 20]


def test_a_started_job_is_looked_at_twice_a_minute() -> None:
    assert seconds_to_next_poll(700, 1_200, "STARTED") == 30


def test_a_job_far_past_its_time_is_looked_at_rarely() -> None:
    assert seconds_to_next_poll(7_200, 1_200, "STARTED") == 120
