"""Durations as DRS writes them, in ISO 8601."""

import re

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)

_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def parse_duration(duration: str | None) -> float | None:
    """The seconds of an ISO 8601 duration such as `PT1M30S`; None without one, and for years, months or other text."""
    found = _DURATION.fullmatch(duration or "")
    parts = {name: text for name, text in found.groupdict().items() if text} if found else {}
    return sum(float(text) * _SECONDS[name] for name, text in parts.items()) if parts else None
