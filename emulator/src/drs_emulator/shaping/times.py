"""How times and durations are written.

Real answers have `2026-03-04T19:15:38.846723+00:00` as often as `2026-03-04T15:00:00.000Z`; the model's pattern has
only the second. Requests must have the second, so a caller cannot pass on each time as it came.
"""

import re
from datetime import datetime, timedelta
from zlib import crc32  # a digest would take as long as the rest of an answer

TIME_SHAPE = "ISO8601DatetimeString"
ZERO = re.compile(r"PT0+(\.0+)?[HMS]")


def write_time(text: str, form: str, name: str) -> str:
    """Write a time of milliseconds and Z in the form. In `mixed`, the name of the time decides."""
    if form == "zulu" or (form == "mixed" and crc32(name.encode()) % 3 == 0):
        return text
    return f"{text.removesuffix('Z')}{microseconds(text):03}+00:00"


def microseconds(text: str) -> int:
    """Return the digits after the milliseconds: the clock has none, but the same time always gets the same."""
    return crc32(text.encode()) % 1000


def elapsed_duration(first: str, last: str) -> str:
    """Return the time between two times as real answers write it: `P2DT1H32M12.136909S`."""
    elapsed = max(datetime.fromisoformat(last) - datetime.fromisoformat(first), timedelta())
    minutes, seconds = divmod(elapsed.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = elapsed.microseconds or microseconds(first)  # as a real one has six digits
    return f"P{elapsed.days}DT{hours}H{minutes}M{seconds}.{fraction:06}S"


def write_duration(text: str, form: str) -> str:
    """Write no time at all as `P0D`, if the form has days."""
    return "P0D" if form == "days" and ZERO.fullmatch(text) else text
