"""Words of sentences for people that more than one room writes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

# How the error of an open circuit ends.
_NEXT_ATTEMPT = re.compile(r"; the next attempt is at [0-9T:.-]+Z$")
# How long a DRS job usually takes, as users of DRS report it (docs/operations.md). Windows servers take longer.
USUAL_JOB_MINUTES = (9, 30)


def plural(count: int, noun: str, others: str | None = None) -> str:
    """`1 server`, `2 servers`. `others` is the plural of a noun that takes no s."""
    return f"{count} {noun if count == 1 else others or f'{noun}s'}"


def all_of(count: int, noun: str, one: str, many: str) -> str:
    """`the only server was launched`, `all 2 servers were launched`: `one` and `many` are what follows the noun."""
    return f"the only {noun} {one}" if count == 1 else f"all {count} {noun}s {many}"


def first_of(texts: Sequence[str], most: int) -> list[str]:
    """The first `most` of the texts, and `and 3 more` as one more text if there are others."""
    rest = len(texts) - most
    return [*texts[:most], f"and {rest} more"] if rest > 0 else list(texts)


def name_first(names: Sequence[str], most: int) -> str:
    """`a, b and 3 more`: the first `most` of the names, and how many others there are."""
    shown = ", ".join(names[:most])
    return " ".join([shown, *first_of(names, most)[most:]])


def describe_span(seconds: float) -> str:
    """`1 h 59 min`, `12 min`, `2 d 3 h`, `less than a minute`: two units at most, rounded to the minute."""
    minutes = round(abs(seconds) / 60)
    if not minutes:
        return "less than a minute"
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = [(days, "d"), (hours, "h"), (0 if days else rest, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def describe_deadline(until: float, now: float) -> str:
    """`in 1 h 59 min, 08:36 UTC`, or `5 min ago, 08:36 UTC`; with the date if it is on another day. Epoch seconds."""
    moment, today = datetime.fromtimestamp(until, UTC), datetime.fromtimestamp(now, UTC)
    clock_time = moment.strftime("%H:%M UTC" if moment.date() == today.date() else "%Y-%m-%d %H:%M UTC")
    span = describe_span(until - now)
    return f"in {span}, {clock_time}" if until >= now else f"{span} ago, {clock_time}"


def shorten_outage(target: str, reason: str) -> str:
    """The reason of an outage beside the name of its target: `has not been answering`.

    The attempt that an open circuit names is over when people read this.
    """
    return _NEXT_ATTEMPT.sub("", reason).removeprefix(f"CircuitOpen: {target} ")


def name_place(place: str, wave: str | None) -> str:
    """Where an action stands: `before wave database`, `after the plan`."""
    return f"{place} {f'wave {wave}' if wave else 'the plan'}"
