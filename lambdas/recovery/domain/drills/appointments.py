"""The appointments of a drill policy: the moments, in epoch seconds, at which its drills are due to begin.

Those of a cron expression are fixed. Those every so many days follow the later of the last appointment and the last
drill that counts: a drill that a person has started postpones the next one, and one that failed does not hasten it.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from recovery.clock import parse_iso
from recovery.domain.drills.policy import DrillPolicy


def walk_appointments(policy: DrillPolicy, after: float, base: float | None = None) -> Iterator[float]:
    """Every appointment later than `after`, in order, without end unless the expression has one.

    `base` is when the last appointment was, or the last drill that counts began, whichever is later; None before the
    first. For drills every so many days, those after the next one are a forecast.
    """
    begin = max(after, parse_iso(policy.since) if policy.since else after)
    moments = _walk_cron(policy, begin) if policy.schedule else _walk_days(policy, base)
    return (moment for moment in moments if moment > begin)


def list_appointments(policy: DrillPolicy, after: float, count: int, base: float | None = None) -> list[float]:
    """The first `count` of these."""
    return list(islice(walk_appointments(policy, after, base), count))


def list_come(policy: DrillPolicy, last: str, counted: str | None, now: float, most: int) -> list[float]:
    """The newest `most` appointments that have come and were not dealt with, oldest first.

    `last` is the last one that was, empty before the first; `counted` is when the last drill that counts began. Both
    are in ISO 8601.
    """
    base = max(filter(None, (last, counted)), default=None)
    walked = walk_appointments(policy, parse_iso(last) if last else 0.0, parse_iso(base) if base else None)
    return list(deque(takewhile(lambda at: at <= now, walked), maxlen=most))


def find_deadline(policy: DrillPolicy, last_counted: float | None) -> float | None:
    """When the next drill has to have begun; later, the plan is overdue. None if the expression has no later moment.

    It is the end of the window of the first appointment after `last_counted`, when the last drill that counts began.
    """
    after = last_counted if last_counted is not None else parse_iso(policy.since) if policy.since else 0.0
    moment = next(_walk_cron(policy, after) if policy.schedule else _walk_days(policy, last_counted), None)
    return None if moment is None else moment + policy.window_seconds


def _walk_cron(policy: DrillPolicy, after: float) -> Iterator[float]:
    """Moments that a clock skips in spring are met right after, and those that it repeats in autumn once (cronsim)."""
    zone = ZoneInfo(policy.timezone)
    for moment in CronSim(policy.schedule or "", datetime.fromtimestamp(after, zone)):
        yield moment.timestamp()


def _walk_days(policy: DrillPolicy, base: float | None) -> Iterator[float]:
    zone = ZoneInfo(policy.timezone)
    step = timedelta(days=policy.every_days or 1)
    day = _first_day(policy, zone) if base is None else datetime.fromtimestamp(base, zone).date() + step
    if base is not None and policy.first_on:
        day = max(day, date.fromisoformat(policy.first_on))
    while True:
        yield _moment(policy, day, zone)
        day += step


def _first_day(policy: DrillPolicy, zone: ZoneInfo) -> date:
    """The date of the first appointment: the next time of day after the rules were set, not before `first_on`."""
    since = parse_iso(policy.since) if policy.since else 0.0
    day = datetime.fromtimestamp(since, zone).date()
    if _moment(policy, day, zone) <= since:
        day += timedelta(days=1)
    return max(day, date.fromisoformat(policy.first_on)) if policy.first_on else day


def _moment(policy: DrillPolicy, day: date, zone: ZoneInfo) -> float:
    """The time of day on this date. One that the clock skips is as late after midnight as if it did not (PEP 495)."""
    return datetime.combine(day, time.fromisoformat(policy.at), zone).astimezone(UTC).timestamp()
