"""When a plan is due on its schedule, and when an answer is news."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.domain.findings.finding import Finding, Severity
from recovery.domain.standing.answers import MAX_CODES, AnswerChange, AnswerStatus, ReadinessAnswer
from recovery.domain.standing.slots import StandingPlan

HOUR = 3_600


def plan(slot: int | None, hours: int = 6) -> StandingPlan:
    return StandingPlan("rp-1", hours, slot)


def answer(status: str = "READY", *codes: str) -> ReadinessAnswer:
    return ReadinessAnswer(
        "readiness-20261122-081530-4f1c09", AnswerStatus(status), "2026-11-22T08:15:30Z", codes=codes
    )


def test_a_plan_without_a_schedule_is_never_due() -> None:
    assert StandingPlan.from_row({"planId": "rp-1"}) is None


@pytest.mark.parametrize(
    ("slot", "now", "due"),
    [
        (None, 50, 50),
        (0, 6 * HOUR - 1, None),
        (0, 6 * HOUR, 6 * HOUR),
        (0, 7 * HOUR, 6 * HOUR),
        (0, 20 * HOUR, 18 * HOUR),
        (100, 0, None),
    ],
)
def test_a_slot_is_due_when_its_time_has_come(slot: int | None, now: int, due: int | None) -> None:
    assert plan(slot).find_due_slot(now) == due


@given(st.integers(1, 720), st.lists(st.integers(1, 10 * HOUR), max_size=60))
def test_however_looks_come_slots_keep_their_distance_and_none_is_taken_twice(hours: int, waits: list[int]) -> None:
    now, slots = 0, list[int]()
    for wait in waits:
        now += wait
        found = StandingPlan("rp-1", hours, slots[-1] if slots else None).find_due_slot(now)
        if found is not None:
            assert found <= now
            slots.append(found)
    distances = [after - before for before, after in pairwise(slots)]
    assert all(each > 0 and each % (hours * HOUR) == 0 for each in distances)


def test_the_next_check_is_now_where_it_is_due() -> None:
    assert plan(None).next_at(50) == 50
    assert plan(0).next_at(HOUR) == 6 * HOUR
    assert plan(0).next_at(9 * HOUR) == 9 * HOUR


@pytest.mark.parametrize(
    ("before", "now", "news"),
    [
        (None, answer(), False),
        (None, answer("NOT_READY"), True),
        (answer(), answer(), False),
        (answer(), answer("NOT_READY"), True),
        (answer("NOT_READY"), answer(), True),
        (answer("NOT_READY", "A"), answer("NOT_READY", "A"), False),
        (answer("NOT_READY", "A"), answer("NOT_READY", "A", "B"), True),
        (answer("NOT_READY", "A", "B"), answer("NOT_READY", "A"), True),
    ],
)
def test_an_answer_is_news_if_its_status_or_its_blocking_codes_differ(
    before: ReadinessAnswer | None, now: ReadinessAnswer, news: bool
) -> None:
    assert AnswerChange(before, now).is_news is news


def test_a_change_names_the_codes_that_are_new_and_those_that_are_gone() -> None:
    change = AnswerChange(answer("NOT_READY", "A", "B"), answer("NOT_READY", "B", "C"))
    assert (change.new_codes, change.gone_codes) == (("C",), ("A",))


def test_an_answer_counts_findings_and_keeps_its_row_small() -> None:
    found = [Finding(f"CODE_{number:03}", Severity.BLOCKING, "x" * 500) for number in range(200)]
    found += [Finding("A_NOTE", Severity.NOTE, "")]
    made = ReadinessAnswer.of_run("readiness-1", AnswerStatus.NOT_READY, "2026-11-22T08:15:30Z", "y" * 9_000, found)
    assert made.counts == {"BLOCKING": 200, "NOTE": 1}
    assert len(made.codes) == MAX_CODES
    item: dict[str, Any] = made.to_item()
    assert item["findings"] == {"BLOCKING": 200, "WARNING": 0, "NOTE": 1}
    assert len(str(item)) < 2_500
    assert ReadinessAnswer.from_item(item) == ReadinessAnswer(
        made.execution_id, made.status, made.at, made.reason, item["findings"], made.codes
    )
