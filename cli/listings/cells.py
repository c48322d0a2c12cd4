"""How a table of a listing shows a value."""

from collections.abc import Mapping
from typing import Any

from cli.text import describe_state
from recovery.free_text import flatten
from recovery.wording import name_place


def show_time(text: Any) -> str:
    """`2026-11-22 08:15:30`, in UTC as the API writes it."""
    return flatten(text)[:19].replace("T", " ")


def show_minute(text: Any) -> str:
    """`2026-11-22 08:15`."""
    return show_time(text)[:16]


def show_yes(value: Any) -> str:
    """`yes`, or nothing."""
    return "yes" if value else ""


def show_words(values: Any) -> str:
    """`eu-west-1 us-west-2`; the tags `app=shop tier=db`."""
    words = [f"{key}={value}" for key, value in values.items()] if isinstance(values, Mapping) else values
    return flatten(" ".join(map(str, words)))


def show_usage(usage: Any) -> str:
    """`3/20`: what is in use, and the quota."""
    return f"{usage['used']}/{usage['quota']}"


def show_count(values: Any) -> str:
    """The number of entries; nothing for none."""
    return str(len(values)) if values else ""


def show_number(value: Any) -> str:
    """The number; nothing for 0."""
    return str(value) if value else ""


def show_mode(value: Any) -> str:
    """`drill`."""
    return flatten(value).lower()


def show_state(run: Any) -> str:
    """`waiting for you`."""
    return describe_state(run)


def show_minutes(value: Any) -> str:
    """`90 min`."""
    return f"{value} min"


def show_kind(is_drill: Any) -> str:
    """Whether DRS calls an instance a drill's."""
    return "drill" if is_drill else "NOT a drill's"


def show_age(seconds: Any) -> str:
    """`47 min`, `5 h 12 min`, `3 d 4 h`."""
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def show_place(action: Any) -> str:
    """`before wave database`, `after the plan`."""
    return name_place(action["place"], action["wave"])


def show_awaited(value: Any) -> str:
    """What an action waits for a person with."""
    return {"CONFIRM": "confirmation", "DECISION": "a decision"}.get(value, flatten(value))
