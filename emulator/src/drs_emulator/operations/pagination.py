"""Pages: a token names the last entry that was given, so what is added meanwhile shifts nothing."""

import base64
import json
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

from drs_emulator.errors import Invalid
from drs_emulator.ids import digest
from drs_emulator.operations.registry import Call

Entry = TypeVar("Entry")


def page(
    call: Call,
    entries: Iterable[Entry],
    place: Callable[[Entry], str],
    show: Callable[[Entry], dict[str, Any]],
    *,
    name: str = "items",
    longest: int | None = None,
) -> dict[str, Any]:
    """One page of `entries` as the member `name`. `place` gives an entry's sort key, in which entries ascend.

    `longest` is what the model allows the member to hold, where it says so.
    Raises Invalid for a token of another call; a token is bound to the call's filters.
    """
    sizes = call.world.settings.page_size
    size = min(call.input.get("maxResults") or sizes.default, sizes.maximum, longest or sizes.maximum)
    question = digest(call.operation, json.dumps(_without_paging(call.input), sort_keys=True))[:16]
    if token := call.input.get("nextToken"):
        after = _read(token, question)
        entries = (entry for entry in entries if place(entry) > after)
    found = list(islice(entries, size + 1))
    answer: dict[str, Any] = {name: [show(entry) for entry in found[:size]]}
    if len(found) > size:
        written = json.dumps([question, place(found[size - 1])]).encode()
        answer["nextToken"] = base64.urlsafe_b64encode(written).decode()
    return answer


def _without_paging(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("maxResults", "nextToken")}


def _read(token: str, question: str) -> str:
    try:
        asked, after = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        asked, after = None, ""
    if asked != question or not isinstance(after, str):
        raise Invalid("nextToken is not of this call", fields=[("nextToken", "is not of this call")])
    return after
