"""The time zones of IANA's database."""

from functools import lru_cache
from zoneinfo import available_timezones


@lru_cache(maxsize=1)
def list_zones() -> frozenset[str]:
    """The name of every zone: `Europe/Berlin`. Lambda has none of its own, so the layer has the package tzdata."""
    return frozenset(available_timezones())
