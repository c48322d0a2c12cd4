"""A year of drill policies: exactly the drills that are due, none twice, over the changes of clocks and an upgrade."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from recovery.domain.drills.schedules import build_drill_id
from tests.support.drill_schedules import decided, drills_of, go_to, look, make_scheduled, now
from tests.support.product import Product
from tests.support.time_travel import pass_hours
from tests.support.upgrades import upgrade

MONTHS = (3, 10, 11)
"""In these, clocks of Berlin and New York change, on a Sunday."""
BERLIN, NEW_YORK = ("Europe/Berlin", 2, 30), ("America/New_York", 1, 30)
YEAR = timedelta(days=365)


def exists(moment: datetime) -> bool:
    return moment.astimezone(UTC).astimezone(moment.tzinfo) == moment


def sundays(zone: str, hour: int, minute: int, begin: float) -> Iterator[float]:
    """When drills on Sundays are due, told without the code under test.

    A time that the clock skips is met at the first minute that exists, one that it repeats the first time.
    """
    place, first = ZoneInfo(zone), datetime.fromtimestamp(begin, UTC)
    for day in range(366):
        on: date = (first + timedelta(days=day)).date()
        moment = datetime.combine(on, time_of_day(hour, minute), place)
        while not exists(moment.replace(fold=0)):
            later = moment.replace(tzinfo=None) + timedelta(minutes=1)
            moment = later.replace(tzinfo=place, minute=0) if later.minute == 0 else later.replace(tzinfo=place)
        if on.weekday() == 6 and on.month in MONTHS and begin < moment.timestamp() < begin + YEAR.total_seconds():
            yield moment.timestamp()


def test_a_year_has_exactly_the_drills_that_are_due_none_twice_over_clock_changes_and_an_upgrade() -> None:
    with Product(speed=1_200) as product:
        begin = now(product)
        due: dict[str, list[float]] = {}
        for zone, hour, minute in (BERLIN, NEW_YORK):
            rule = f"{minute} {hour} * 3,10,11 SUN"
            plan = make_scheduled(product, zone, schedule=rule, timezone=zone, windowMinutes=1_440)
            due[plan] = list(sundays(zone, hour, minute, begin))
        assert all(12 <= len(moments) <= 15 for moments in due.values())
        assert len({round(each % 86_400) for each in due[next(iter(due))]}) >= 2, "summer and winter time"
        moments = sorted(moment for listed in due.values() for moment in listed)
        for number, moment in enumerate(moments):
            wanted = sum(listed.count(moment) for listed in due.values())
            go_to(product, moment - 1_800)
            assert look(product)["drills"] == 0
            go_to(product, moment + 60)
            if number == len(moments) // 2:
                assert look(product, drills_end=False)["drills"] == wanted
                upgrade(product)  # while the drill runs
                look(product)
            else:
                assert look(product)["drills"] == wanted
            pass_hours(product, 1.1)  # after the hour that a clock may repeat
            assert look(product)["drills"] == 0
        for plan, expected in due.items():
            made = [run["executionId"] for run in drills_of(product, plan)]
            assert made == [build_drill_id(plan, moment) for moment in expected]
            assert {run["status"] for run in drills_of(product, plan)} == {"COMPLETED"}
            assert decided(product, plan) == [("STARTED", "")] * len(expected)
