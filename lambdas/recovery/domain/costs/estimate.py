"""Estimates what a drill of a plan costs from the sizes of its launches, as its last readiness run found them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recovery.domain.costs import prices
from recovery.domain.findings.launches import LaunchSize
from recovery.domain.wave_steps.modes import RunMode
from recovery.wording import first_of, plural

DEFAULT_HOURS = 8
"""How long the instances of a drill run where the plan does not say when they are terminated: a working day."""

# Types that an assumption names.
MAX_TYPES = 5

_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What a drill costs, in USD. `assumptions` say what the figures leave out or take for granted."""

    hours: float
    servers: int
    instances: float
    volumes: float
    conversion: float
    assumptions: tuple[str, ...]

    @property
    def total(self) -> float:
        """The sum of the parts as they are shown."""
        return round(self.instances + self.volumes + self.conversion, 2)


def estimate_drill(
    launches: Mapping[str, Iterable[LaunchSize]], hours: float | None, clean_up_after_hours: int | None
) -> CostEstimate | None:
    """The cost of a drill with these launches, by Region; None if there are none. Those of recoveries are left out.

    Instances run for `hours`, or else until the plan terminates them.
    """
    drills = {region: [each for each in sizes if each.mode is RunMode.DRILL] for region, sizes in launches.items()}
    sizes = [each for region in sorted(drills) for each in drills[region]]
    servers = sum(each.servers for each in sizes)
    if not servers:
        return None
    duration = hours or clean_up_after_hours or DEFAULT_HOURS
    gib = sum(each.disks_bytes for each in sizes) / _GIB
    conversion = prices.find_price(prices.CONVERSION_TYPE) or 0.0
    return CostEstimate(
        hours=duration,
        servers=servers,
        instances=round(sum(_price(each) * each.servers for each in sizes) * duration, 2),
        volumes=round(gib * prices.GP3_GIB_MONTH / prices.HOURS_PER_MONTH * duration, 2),
        conversion=round(conversion * prices.CONVERSION_HOURS * servers, 2),
        assumptions=(
            _describe_hours(duration, hours, clean_up_after_hours),
            *_describe_prices(region for region, found in drills.items() if found),
            *_describe_unknown(sizes),
            *_describe_windows(sizes),
            f"every disk is a gp3 volume of its whole size, {round(gib):,} GiB in all, without extra throughput",
            f"each server is converted for {prices.CONVERSION_HOURS * 60:.0f} min in an {prices.CONVERSION_TYPE}",
            "left out: snapshots, traffic, what DRS costs for replication, and discounts",
        ),
    )


def _price(size: LaunchSize) -> float:
    known = prices.find_price(size.instance_type, size.vcpus) if size.instance_type else None
    return known or prices.find_price(prices.DEFAULT_TYPE) or 0.0


def _describe_hours(duration: float, hours: float | None, clean_up_after_hours: int | None) -> str:
    if hours:
        return f"instances run for {duration:g} h, as asked"
    if clean_up_after_hours:
        return f"instances run for {duration:g} h: cleanUpAfterHours of the plan"
    return f"instances run for {duration:g} h, because the plan has no cleanUpAfterHours"


def _describe_prices(regions: Iterable[str]) -> list[str]:
    others = sorted(set(regions) - {prices.REGION})
    if not others:
        return []
    return [f"prices are those of {prices.REGION}; those of {', '.join(others)} differ, mostly by up to a third"]


def _describe_unknown(sizes: Sequence[LaunchSize]) -> list[str]:
    unpriced: Counter[str] = Counter()
    for each in sizes:
        if not each.instance_type or prices.find_price(each.instance_type, each.vcpus) is None:
            unpriced[each.instance_type or "a type that is not known"] += each.servers
    if not unpriced:
        return []
    named = ", ".join(first_of([name for name, _ in unpriced.most_common()], MAX_TYPES))
    return [f"{plural(unpriced.total(), 'server')} counted as {prices.DEFAULT_TYPE}, for lack of a price: {named}"]


def _describe_windows(sizes: Sequence[LaunchSize]) -> list[str]:
    windows = sum(each.servers for each in sizes if each.is_windows)
    if not windows:
        return []
    return [f"prices are those of Linux; the licences of {plural(windows, 'Windows server')} come on top"]
