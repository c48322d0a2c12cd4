"""What inspection found and the person who started a run should know: its notes, and its servers' warnings, counted."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused
from cli.run_client import walk_servers
from recovery.free_text import flatten
from recovery.wording import name_first, plural
from report.run_record import UNFINISHED, Record

# Servers of one page. The warnings of a larger run are read at its end.
MAX_SERVERS_WHILE_FOLLOWING = 1000
# Host names that a line lists; it counts the others.
MAX_NAMES = 3
_MOMENT = r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?"
# What differs between the same warnings of two servers: ids, moments and numbers.
_DETAILS = re.compile(
    r"\b(?:i|s|pit|snap|drsjob|drill|recovery|readiness)-[0-9a-zA-Z-]*[0-9][0-9a-zA-Z-]*"
    rf"|{_MOMENT}|\b[0-9]+(?:[.:][0-9]+)*\b"
)


class Notices:
    """Finds the notices of one run as soon as its record has them, each once.

    A note that only names another moment, such as that of the next try, counts as the same.
    """

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._given = set[str]()
        self._reads = 0

    def find(self, record: Record) -> list[str]:
        """The lines that have become known since the last call. An API that does not answer is asked again later."""
        lines = [f"note  {flatten(note)}" for note in record["notes"]]
        is_early = not _is_inspected(record) or (_is_large(record) and record["status"] in UNFINISHED)
        wanted = 0 if is_early else 1 if record["status"] in UNFINISHED else 2
        if self._reads < wanted:  # once after the inspection, and once at the end: launches have warnings too
            try:
                lines += summarize_warnings(walk_servers(self._api, record["executionId"]))
                self._reads = wanted
            except (ApiRefused, ApiUnreachable):
                pass
        new = {re.sub(_MOMENT, "…", line): line for line in reversed(lines)}
        found = [new[key] for key in reversed(new) if key not in self._given]
        self._given.update(new)
        return found


def _is_large(record: Record) -> bool:
    """Return whether its servers fill more than a page, which is too much to read while the run goes on."""
    return bool(record["servers"]["total"] > MAX_SERVERS_WHILE_FOLLOWING)


def _is_inspected(record: Record) -> bool:
    """Return whether the run's servers have been inspected: no wave starts before that."""
    has_begun = any(wave["status"] != "WAITING" for wave in record["waves"])
    return bool(record["batches"]) or has_begun or record["status"] not in UNFINISHED


def summarize_warnings(servers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each warning, with the number of servers that have it and the names of some of them."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for server in servers:
        name = flatten(server["hostname"] or server["sourceServerId"])
        for warning in server.get("warnings", ()):
            groups[_DETAILS.sub("…", warning)].append((name, warning))
    for pattern, found in groups.items():
        names = sorted(name for name, _ in found)
        texts = {warning for _, warning in found}
        text = texts.pop() if len(texts) == 1 else pattern
        yield f"WARN  {plural(len(names), 'server')} ({name_first(names, MAX_NAMES)}): {flatten(text)}"
