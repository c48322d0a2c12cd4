"""Reads cron expressions of drill policies, also in the form that AWS writes them in."""

import re
from datetime import UTC, datetime
from itertools import islice, pairwise

from cronsim import CronSim, CronSimError

# Two appointments may be an hour less than a day apart, where clocks go forward between them.
MIN_SECONDS_APART = 23 * 3_600
# The hours and minutes of an expression are those of each of its days, so the shortest distance shows at once.
MOMENTS_LOOKED_AT = 50

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_AWS = re.compile(r"(?i)cron\s*\((.*)\)")


def read_expression(text: str) -> str:
    """The expression with five fields that means the same, in one spelling.

    Raise ValueError, which says what to write instead, if it is none, or has appointments less than a day apart.
    """
    found = _AWS.fullmatch(text.strip())
    fields = _translate(found[1].upper().split()) if found else text.upper().split()
    if len(fields) != 5:
        hint = "; AWS's form with six is written cron(0 2 ? * SAT *)" if len(fields) == 6 else ""
        raise ValueError(
            "must have five fields: minute, hour, day of the month, month, day of the week, such as 0 2 * * SAT" + hint
        )
    if "?" in "".join(fields):
        raise ValueError("has a ?, which only AWS's form cron(...) has; write * instead")
    expression = " ".join(fields)
    _require_days_apart(expression)
    return expression


def _translate(fields: list[str]) -> list[str]:
    """AWS's six fields as five: `?` is `*`, and 1 is Sunday (EventBridge Scheduler's user guide)."""
    if len(fields) != 6:
        raise ValueError(
            "must have six fields in cron(...): minutes, hours, day of the month, month, day of the week, year"
        )
    minutes, hours, day, month, weekday, year = fields
    if year != "*":
        raise ValueError(f"has the year {year}, which is not supported; write * for the year")
    if "W" in day and day != "LW":
        raise ValueError(f"has {day} as day of the month, and W is not supported; name a day of the week instead")
    if day != "?" and weekday != "?":
        raise ValueError("must have ? as day of the month or as day of the week in cron(...)")
    weekday = "SAT" if weekday == "L" else ",".join(map(_translate_weekday, weekday.split(",")))
    return [minutes, hours, day.replace("?", "*"), month, weekday.replace("?", "*")]


def _translate_weekday(term: str) -> str:
    """`2-6` is `1-5`, `7L` is `6L`, `FRI#2` stays; a step such as `/2` is no day."""
    days, slash, step = term.partition("/")
    if re.fullmatch(r"[1-7]", days) and step.isdecimal() and int(step):  # `2/2` is Monday, Wednesday, Friday
        return ",".join(str(day - 1) for day in range(int(days), 8, int(step)))
    named = re.sub(r"[A-Z]{3}(?=L$)", lambda day: str(_DAYS.index(day[0]) + 1) if day[0] in _DAYS else day[0], days)
    days, mark, number = named.partition("#")
    if any(int(each) not in range(1, 8) for each in re.findall(r"\d+", days)):
        raise ValueError(f"has {term} as day of the week; in cron(...) they are 1 (SUN) to 7 (SAT)")
    return re.sub(r"\d+", lambda day: str(int(day[0]) - 1), days) + mark + number + slash + step


def _require_days_apart(expression: str) -> None:
    begin = datetime(2027, 1, 1, tzinfo=UTC)
    try:
        moments = list(islice(CronSim(expression, begin), MOMENTS_LOOKED_AT))
    except CronSimError as error:
        if _has_day_of_no_month(expression):
            day, month = expression.split()[2:4]
            raise ValueError(f"is due on no date: month {month} has no day {day}; an example is 0 2 L * *") from None
        field = str(error).removeprefix("Bad ").replace("-", " ")
        raise ValueError(f"is no cron expression: its {field} is wrong; an example is 0 2 * * SAT") from None
    if not moments:
        raise ValueError("is due on no date; an example is 0 2 * * SAT")
    times = [moment.timestamp() for moment in moments]
    for before, after in pairwise(times):
        if after - before < MIN_SECONDS_APART:
            first, second = (datetime.fromtimestamp(each, UTC).strftime("%a %H:%M") for each in (before, after))
            raise ValueError(
                f"is due at {first} and again at {second}; drills of a plan are at least a day apart, so give one hour "
                "and one minute"
            )


def _has_day_of_no_month(expression: str) -> bool:
    """Whether an expression that cronsim refuses, such as that of 30 February, is one in other months."""
    minute, hour, day, month, weekday = expression.split()
    return _is_valid(f"{minute} {hour} {day} * {weekday}") and _is_valid(f"{minute} {hour} * {month} {weekday}")


def _is_valid(expression: str) -> bool:
    try:
        CronSim(expression, datetime(2027, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True
