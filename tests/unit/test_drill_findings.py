"""The rules of verdicts and drill findings: rows and back, open or closed at any moment, overdue, urgency."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recovery import clock
from recovery.domain.drills.drill_findings import (
    MAX_CHANGES,
    Change,
    DrillFinding,
    FindingChange,
    FindingStatus,
    sort_by_urgency,
    today,
)
from recovery.domain.drills.verdicts import DrillVerdict, Judgement, Opinion

BEGIN = 1_795_880_000.0
NAMES = st.text(min_size=1, max_size=20)
TIMES = st.floats(BEGIN, BEGIN + 10**7).map(clock.iso)


def finding(*changes: FindingChange, due: date = date(2026, 12, 31), number: int = 0) -> DrillFinding:
    opened_at = clock.iso(BEGIN + number)
    opened = DrillFinding("rp-1", f"df-{number}", "drill-1", "title", "", "owner", due, "ana", opened_at)
    for change in changes:
        opened = opened.add_change(change)
    return opened


def change(kind: Change, after: float) -> FindingChange:
    return FindingChange(kind, "ben", clock.iso(BEGIN + after))


@st.composite
def findings(draw: st.DrawFn) -> DrillFinding:
    kinds = draw(st.lists(st.sampled_from(Change), max_size=8))
    changes = [
        FindingChange(kind, draw(NAMES), clock.iso(BEGIN + 10 * (at + 1)), draw(NAMES)) for at, kind in enumerate(kinds)
    ]
    return finding(*changes, due=draw(st.dates(date(2026, 1, 1), date(2028, 1, 1))))


@given(findings())
def test_a_row_is_read_as_it_was_written(given_: DrillFinding) -> None:
    assert DrillFinding.from_item(given_.to_item()) == given_
    assert ("closedBy" in given_.to_item()) == (given_.status is FindingStatus.CLOSED)


@given(findings(), st.integers(-1, 10), st.integers(0, 5))
def test_a_finding_was_open_between_two_moments_if_it_was_at_one_of_them(
    given_: DrillFinding, first: int, more: int
) -> None:
    begin, end = (clock.iso(BEGIN + 10 * at + 5) for at in (first, first + more))
    moments = [clock.iso(BEGIN + 5 * at) for at in range(2 * first + 1, 2 * (first + more) + 2)]
    assert given_.was_open_between(begin, end) == any(map(given_.was_open_at, moments))


@given(findings())
def test_a_finding_was_open_at_a_moment_as_its_last_closing_or_reopening_before_it_says(given_: DrillFinding) -> None:
    is_open = True
    for number, each in enumerate(given_.changes):
        assert given_.was_open_at(each.at) == is_open
        is_open = is_open if each.change is Change.CHANGED else each.change is Change.REOPENED
        until_then = finding(*given_.changes[: number + 1])
        assert (until_then.status is FindingStatus.OPEN) == is_open
    assert given_.was_open_at(clock.iso(BEGIN + 10_000)) == is_open
    assert not given_.was_open_at(given_.opened_at)


@given(findings(), st.integers(-400, 800))
def test_only_what_is_open_after_the_whole_day_is_overdue(given_: DrillFinding, days: int) -> None:
    now = BEGIN + days * 86_400
    due_until = datetime.combine(given_.due, datetime.min.time(), UTC) + timedelta(days=1)
    late = now >= due_until.timestamp()
    assert given_.is_overdue(now) == (late and given_.status is FindingStatus.OPEN)
    assert today(now) == datetime.fromtimestamp(now, UTC).date()


def test_the_last_place_of_a_row_is_for_the_change_that_closes() -> None:
    full = finding(*[change(Change.CHANGED, at + 1) for at in range(MAX_CHANGES - 1)])
    assert (full.has_room(Change.CHANGED), full.has_room(Change.REOPENED), full.has_room(Change.CLOSED)) == (
        False,
        False,
        True,
    )
    assert not full.add_change(change(Change.CLOSED, 100)).has_room(Change.CLOSED)


def test_a_repeated_request_is_known_by_its_name_only() -> None:
    named = finding(FindingChange(Change.CLOSED, "ben", clock.iso(BEGIN), request="one"))
    assert named.has_recorded("one")
    assert not named.has_recorded("two")
    assert not finding(change(Change.CLOSED, 1)).has_recorded(None)


def test_open_findings_come_first_by_their_due_date_and_closed_ones_last_the_newest_first() -> None:
    closed = [finding(change(Change.CLOSED, 50), number=number) for number in (1, 2)]
    late, soon = finding(due=date(2027, 5, 1), number=3), finding(due=date(2027, 1, 1), number=4)
    assert sort_by_urgency([*closed, late, soon]) == [soon, late, closed[1], closed[0]]


OPINIONS = st.builds(Opinion, st.sampled_from(Judgement), NAMES, NAMES, TIMES, st.none() | NAMES)


@given(st.lists(OPINIONS, min_size=1, max_size=6))
def test_a_verdict_keeps_each_one_that_it_has_replaced(given_: list[Opinion]) -> None:
    verdict = DrillVerdict("rp-1", "drill-1", given_[0])
    for each in given_[1:]:
        verdict = verdict.replace_by(each)
    assert verdict.opinions == tuple(given_)
    assert verdict.version == len(given_)
    assert DrillVerdict.from_item(verdict.to_item()) == verdict


@given(OPINIONS, OPINIONS)
def test_the_same_words_of_one_person_are_the_same_whenever_they_are_said(one: Opinion, other: Opinion) -> None:
    again = Opinion(one.judgement, one.comment, one.by, other.at, other.request)
    assert one.says_the_same(again)
    assert one.says_the_same(other) == (
        (one.judgement, one.comment, one.by) == (other.judgement, other.comment, other.by)
    )
