"""The servers of a run as rows of a table: what is shown of each, and how people search, filter and sort them."""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.free_text import flatten

# The longest search that is looked for.
MAX_TEXT = 200
# The value of a filter for servers that have none.
NONE = "none"
# What needs people comes first when one sorts by status.
_STATUSES = ("FAILED", "EXCLUDED", "SKIPPED", "LAUNCHING", "PENDING", "LAUNCHED", "CHECKED")
_CHECKS = ("UNVERIFIED", "VERIFYING", "VERIFIED")
_NEED_ATTENTION = ("FAILED", "EXCLUDED", "SKIPPED")
_NUMBER = re.compile(r"\d+")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server as the table shows it, with texts of one line. `facts` is its JSON as the API gave it."""

    server_id: str
    host: str
    wave: str
    wave_order: int
    status: str
    checks: str
    target: str
    instance: str
    cause: str
    reason: str
    needs_attention: bool
    host_key: str
    searched: str
    facts: bytes

    def read_facts(self) -> dict[str, Any]:
        """The server as the API gave it."""
        facts: dict[str, Any] = json.loads(self.facts)
        return facts

    @property
    def order(self) -> tuple[Any, ...]:
        """The place of the row in a table that nobody has sorted: by wave, then by host name."""
        return self.wave_order, self.wave, self.host_key, self.server_id


def make_row(server: Mapping[str, Any], wave_order: Mapping[str, int]) -> ServerRow:
    """The row of a server of the API. `wave_order` has the place of each wave in the plan."""
    found = server["verification"] or {}
    checks = str(found.get("status") or "")
    failed = found.get("reason") if checks == "UNVERIFIED" else None
    host, reason = flatten(server["hostname"] or ""), flatten("; ".join(filter(None, _reasons(server, failed))))
    server_id, instance = flatten(server["sourceServerId"]), flatten(server["recoveryInstanceId"] or "")
    searched = "\n".join(part for part in (host, server_id, instance, flatten(server["jobId"] or ""), reason) if part)
    return ServerRow(
        server_id=server_id,
        host=host,
        wave=sys.intern(flatten(server["wave"])),
        wave_order=wave_order.get(server["wave"], len(wave_order)),
        status=sys.intern(server["status"]),
        checks=sys.intern(checks),
        target=sys.intern(flatten(f"{server['accountId']}/{server['region']}")),
        instance=instance,
        cause=sys.intern(server["cause"] or ""),
        reason=reason,
        needs_attention=server["status"] in _NEED_ATTENTION
        or checks == "UNVERIFIED"
        or server["readiness"] == "BLOCKED",
        host_key=number_text(host),
        searched=searched.casefold(),
        facts=json.dumps(server, separators=(",", ":")).encode(),
    )


def _reasons(server: Mapping[str, Any], failed: str | None) -> Iterable[str | None]:
    return server["reason"], failed, *server["warnings"]


def number_text(text: str) -> str:
    """A key by which `web-2` comes before `web-10`."""
    return _NUMBER.sub(lambda match: match[0].zfill(_DIGITS), text.casefold())


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table. Rows without a value come last in either direction: their key is None."""

    name: str
    title: str
    key: Callable[[ServerRow], Any]


COLUMNS = (
    Column("host", "Host", lambda row: row.host_key or None),
    Column("wave", "Wave", lambda row: (row.wave_order, row.wave)),
    Column("status", "Status", lambda row: _rank(row.status, _STATUSES)),
    Column("checks", "Checks", lambda row: _rank(row.checks, _CHECKS) if row.checks else None),
    Column("reason", "Reason", lambda row: (row.cause, row.reason.casefold()) if row.cause or row.reason else None),
    Column("id", "Server", lambda row: row.server_id),
    Column("instance", "Instance", lambda row: row.instance or None),
    Column("target", "Account and Region", lambda row: row.target),
)
_KEYS = {column.name: column.key for column in COLUMNS}


def _rank(value: str, values: Sequence[str]) -> tuple[int, str]:
    return values.index(value) if value in values else len(values), value


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice of values by which rows are left out."""

    name: str
    title: str
    read: Callable[[ServerRow], str]
    order: Callable[[str], Any] = str


FILTERS = (
    Filter("wave", "Wave", lambda row: row.wave),
    Filter("status", "Status", lambda row: row.status, lambda value: _rank(value, _STATUSES)),
    Filter("checks", "Checks", lambda row: row.checks or NONE, lambda value: _rank(value, _CHECKS)),
    Filter("target", "Account and Region", lambda row: row.target),
    Filter("cause", "Cause", lambda row: row.cause or NONE),
)


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows a person wants to see, and in which order. `wanted` has a value for each filter that is set.

    `sort` is the name of a column; the rows come by wave and host name if it is empty.
    """

    text: str = ""
    wanted: tuple[tuple[str, str], ...] = ()
    attention: bool = False
    sort: str = ""
    descending: bool = False

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> "Query":
        """The query of an address. What is not known there is left out."""
        wanted = ((each.name, flatten(parameters.get(each.name, ""))[:MAX_TEXT]) for each in FILTERS)
        sort = parameters.get("sort", "")
        return cls(
            flatten(parameters.get("text", ""))[:MAX_TEXT],
            tuple((name, value) for name, value in wanted if value),
            parameters.get("attention") == "yes",
            sort if sort in _KEYS else "",
            sort in _KEYS and parameters.get("direction") == "descending",
        )

    def to_parameters(self) -> dict[str, str]:
        """The parameters from which `from_parameters` makes the same query."""
        every = {
            "text": self.text,
            **dict(self.wanted),
            "attention": "yes" if self.attention else "",
            "sort": self.sort,
            "direction": "descending" if self.descending else "",
        }
        return {name: value for name, value in every.items() if value}

    @property
    def is_filtered(self) -> bool:
        """Whether rows may be left out."""
        return bool(self.text or self.wanted or self.attention)


def select(rows: Sequence[ServerRow], query: Query) -> Sequence[ServerRow]:
    """The rows that the query wants, in its order. `rows` are in theirs, which decides between equal ones."""
    found = rows
    if query.attention:
        found = [row for row in found if row.needs_attention]
    for each in FILTERS:
        if value := dict(query.wanted).get(each.name):
            found = [row for row in found if each.read(row) == value]
    if text := query.text.casefold():
        found = [row for row in found if text in row.searched]
    return found if not query.sort else _sort(found, _KEYS[query.sort], query.descending)


def _sort(rows: Sequence[ServerRow], key: Callable[[ServerRow], Any], descending: bool) -> Sequence[ServerRow]:
    keyed = [(key(row), row) for row in rows]
    known = [each for each in keyed if each[0] is not None]
    known.sort(key=lambda each: each[0], reverse=descending)
    return [row for _, row in known] + [row for value, row in keyed if value is None]


def count_values(rows: Iterable[ServerRow]) -> dict[str, dict[str, int]]:
    """For each filter its values with their numbers of rows, in the order in which they are offered.

    Waves come in the order of the plan, if the rows do.
    """
    counts: dict[str, Counter[str]] = {each.name: Counter() for each in FILTERS}
    for row in rows:
        for each in FILTERS:
            counts[each.name][each.read(row)] += 1
    return {
        each.name: dict(
            counts[each.name].items()
            if each.name == "wave"
            else sorted(counts[each.name].items(), key=lambda pair: each.order(pair[0]))
        )
        for each in FILTERS
    }
