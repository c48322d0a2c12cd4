"""Reads records out of DRS's answers, one by one: a record that cannot be read never hides the others.

An account has jobs, servers and instances of other users and of future versions of DRS. One of them must not stop the
runs of a whole target.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from recovery.domain.target import Target
from recovery.drs import calls

logger = Logger(child=True)
T = TypeVar("T")

Parse = Callable[[Mapping[str, Any]], T | None]

# What a parser can raise about a record whose shape it does not expect.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)


def read_records(target: Target, method: str, parse: Parse[T], **parameters: Any) -> Iterator[T]:
    """The records of all pages; each page is a call of its own."""
    for items in calls.read_pages(target, method, **parameters):
        yield from parse_items(target, method, parse, items)


def parse_items(target: Target, method: str, parse: Parse[T], items: Sequence[Any] | None) -> list[T]:
    """The records of a page. One for which `parse` returns None or raises is left out; the latter are logged, once."""
    parsed, unreadable = list[T](), list[str]()
    for item in items or ():
        try:
            record = parse(item)
        except UNREADABLE as error:
            unreadable.append(f"{type(error).__name__}: {error}")
            continue
        if record is not None:
            parsed.append(record)
    if unreadable:
        facts = {"operation": method, "target": target.key, "records": len(unreadable), "example": unreadable[0][:200]}
        logger.warning("records of DRS left out", extra=facts)
    return parsed
