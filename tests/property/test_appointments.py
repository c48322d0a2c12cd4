"""Properties of the appointments of drill policies: in order, one a day at most, over each change of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import clock
from recovery.domain.drills.appointments import find_deadline, list_appointments
from recovery.domain.drills.cron import MIN_SECONDS_APART, read_expression
from recovery.domain.drills.policy import DrillPolicy
from recovery.domain.drills.schedules import build_check_id, build_drill_id
from recovery.domain.execution import Mode

# Clocks that go forward at night, at midnight, by half an hour, on the southern half, and never.
ZONES = ("Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
DAY = 86_400

zones = st.sampled_from(ZONES)
moments = st.integers(0, 6 * 365 * DAY).map(lambda seconds: BEGIN + seconds)
times_of_day = st.tuples(st.integers(0, 23), st.integers(0, 59))
days_of_cron = st.sampled_from(["* * *", "* * SAT", "1 * *", "L * *", "* * 5L", "* * MON#1", "1 1,7 *", "* * 1-5"])
PROFILE = settings(max_examples=200, deadline=None)


@st.composite
def every_days(draw: st.DrawFn) -> DrillPolicy:
    hour, minute = draw(times_of_day)
    since = draw(moments)
    first = draw(st.none() | st.integers(-30, 400))
    first_on = (datetime.fromtimestamp(since, UTC).date() + timedelta(days=first)).isoformat() if first else None
    return DrillPolicy(
        every_days=draw(st.integers(1, 400)),
        at=f"{hour:02}:{minute:02}",
        timezone=draw(zones),
        window_minutes=draw(st.integers(15, 1_440)),
        first_on=first_on,
        since=clock.iso(since),
    )


@st.composite
def crons(draw: st.DrawFn) -> DrillPolicy:
    hour, minute = draw(times_of_day)
    return DrillPolicy(
        schedule=read_expression(f"{minute} {hour} {draw(days_of_cron)}"),
        timezone=draw(zones),
        window_minutes=draw(st.integers(15, 1_440)),
        since=clock.iso(draw(moments)),
    )


policies = every_days() | crons()


def local_dates(policy: DrillPolicy, found: list[float]) -> list[date]:
    return [datetime.fromtimestamp(each, ZoneInfo(policy.timezone)).date() for each in found]


@PROFILE
@given(policies, moments, st.none() | moments)
def test_appointments_are_in_order_later_than_asked_and_one_a_date(
    policy: DrillPolicy, after: float, base: float | None
) -> None:
    found = list_appointments(policy, after, 30, base)
    assert len(found) == 30
    assert found == sorted(set(found))
    assert found[0] > after
    assert found[0] > clock.parse_iso(policy.since)
    dates = local_dates(policy, found)
    assert len(set(dates)) == len(dates)
    assert all(later - earlier >= MIN_SECONDS_APART - 3_600 for earlier, later in pairwise(found))


@PROFILE
@given(policies, moments, st.integers(1, 20))
def test_a_look_that_steps_from_appointment_to_appointment_leaves_none_out(
    policy: DrillPolicy, after: float, count: int
) -> None:
    at_once, stepped, at = list_appointments(policy, after, count, after), list[float](), after
    for _ in range(count):
        (at,) = list_appointments(policy, at, 1, after)
        stepped.append(at)
    assert stepped == at_once


@PROFILE
@given(every_days(), moments)
def test_drills_every_so_many_days_are_so_many_local_dates_apart_from_the_base(
    policy: DrillPolicy, base: float
) -> None:
    since = clock.parse_iso(policy.since)
    days = local_dates(policy, list_appointments(policy, base, 10, base))
    assert {later - earlier for earlier, later in pairwise(days)} == {timedelta(days=policy.every_days or 0)}
    (based,) = local_dates(policy, [base])
    if policy.first_on is None and since <= base:
        assert days[0] == based + timedelta(days=policy.every_days or 0)
    assert policy.first_on is None or days[0] >= date.fromisoformat(policy.first_on)


@PROFILE
@given(policies, moments)
def test_the_time_of_day_is_that_of_the_policy_unless_the_clock_skips_it(policy: DrillPolicy, after: float) -> None:
    zone = ZoneInfo(policy.timezone)
    minute, hour = (policy.schedule or "").split()[:2] if policy.schedule else reversed(policy.at.split(":"))
    wanted = time(int(hour), int(minute))
    for each in list_appointments(policy, after, 30):
        local = datetime.fromtimestamp(each, zone)
        as_wanted = datetime.combine(local.date(), wanted, zone)
        exists = as_wanted.astimezone(UTC).astimezone(zone).time() == wanted
        if exists:
            assert local.time() == wanted
        else:
            assert timedelta(0) <= local.replace(tzinfo=None) - as_wanted.replace(tzinfo=None) <= timedelta(hours=1)


@PROFILE
@given(policies, st.none() | moments)
def test_no_deadline_is_before_the_end_of_the_window_of_an_appointment(
    policy: DrillPolicy, counted: float | None
) -> None:
    deadline = find_deadline(policy, counted)
    assert deadline is not None
    after = counted if counted is not None else clock.parse_iso(policy.since)
    assert deadline > after
    if counted is None or counted >= clock.parse_iso(policy.since):
        (first,) = list_appointments(policy, after, 1, counted)
        assert deadline == first + policy.window_seconds


@PROFILE
@given(st.text(min_size=1, max_size=20), moments, moments, st.integers(1, 5))
def test_each_appointment_of_a_plan_has_ids_of_its_own_that_say_what_the_runs_do(
    plan: str, one: float, other: float, number: int
) -> None:
    drill, check = build_drill_id(plan, one), build_check_id(plan, one, number)
    assert (Mode.of_run(drill), Mode.of_run(check)) == (Mode.DRILL, Mode.READINESS)
    assert build_drill_id(plan, one) == drill
    assert (build_drill_id(plan, other) == drill) == (clock.iso(one) == clock.iso(other))
    assert build_check_id(plan, one, number + 1) != check
