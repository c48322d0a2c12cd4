"""Times in requests: ISO 8601 with a date, a time of day and a time zone, and nothing else."""

import re
from datetime import datetime

TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$"
EXAMPLE_TIME = "2026-11-22T08:15:30Z"
INSTRUCTION = f"write a date, a time and a time zone, such as {EXAMPLE_TIME} or 2026-11-22T09:15:30+01:00"

_is_time = re.compile(TIME_PATTERN).fullmatch


def parse_time(text: str) -> datetime:
    """The moment that the text names, with its time zone. Raise ValueError, whose message says what to write.

    Other forms of ISO 8601 and numbers are refused, because readers differ in what they mean: `20261127` is a date to
    some and seconds since 1970 to others.
    """
    if not text:
        raise ValueError(f"is empty; leave it out, or {INSTRUCTION}")
    if not _is_time(text):
        raise ValueError(f"is not a time with a time zone; {INSTRUCTION}")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"is not a moment of the calendar ({error}); {INSTRUCTION}") from error
