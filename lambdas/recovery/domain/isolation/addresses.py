"""Ranges of addresses, of both versions of IP."""

import ipaddress
from collections.abc import Iterable
from typing import cast

Range = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERYTHING: tuple[Range, ...] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


def read_ranges(texts: Iterable[str | None]) -> tuple[Range, ...]:
    """The ranges, without those that are missing. Raise ValueError for a text that is none."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts if text)


def is_within(part: Range, whole: Range) -> bool:
    """Whether the whole has all of the part."""
    return part.version == whole.version and part.subnet_of(whole)  # type: ignore[arg-type]


def overlap(one: Iterable[Range], other: Iterable[Range]) -> bool:
    """Whether any address is in both."""
    others = list(other)
    return any(each.version == item.version and each.overlaps(item) for each in one for item in others)


def intersect(one: Iterable[Range], other: Iterable[Range]) -> tuple[Range, ...]:
    """The addresses that are in both."""
    others = list(other)
    shared = (_shared(each, item) for each in one for item in others)
    return tuple(dict.fromkeys(each for each in shared if each is not None))


def _shared(one: Range, other: Range) -> Range | None:
    if is_within(one, other):
        return one
    return other if is_within(other, one) else None


def subtract(ranges: Iterable[Range], taken: Iterable[Range]) -> tuple[Range, ...]:
    """The addresses of the ranges that are in none of the taken ones."""
    left = list(ranges)
    for each in taken:
        left = [part for one in left for part in _without(one, each)]
    return tuple(left)


def _without(one: Range, taken: Range) -> list[Range]:
    if is_within(one, taken):
        return []
    if is_within(taken, one):
        return cast("list[Range]", list(one.address_exclude(taken)))  # type: ignore[arg-type]
    return [one]
