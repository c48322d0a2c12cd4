"""Pagination. A token has the sort key of the last entry, so new entries do not shift the pages."""

import base64
import json
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

from drs_emulator.errors import Invalid
from drs_emulator.ids import digest
from drs_emulator.operations.registry import Call

Entry = TypeVar("Entry")


def paginate(
    call: Call,
    entries: Iterable[Entry],
    sort_key: Callable[[Entry], str],
    to_api: Callable[[Entry], dict[str, Any]],
    *,
    name: str = "items",
    max_items: int | None = None,
) -> dict[str, Any]:
    """Return a page of `entries` as the member `name`. The entries are in ascending order of `sort_key`.

    `max_items` is the model's maximum length of the member, if it has one. A token is bound to the call's operation
    and filters. Raise Invalid for the token of another call.
    """
    sizes = call.world.settings.page_size
    size = min(call.input.get("maxResults") or sizes.default, sizes.maximum, max_items or sizes.maximum)
    try:
        items, token = take_page(call, entries, sort_key, size, call.input.get("nextToken"))
    except ForeignToken as error:
        raise Invalid(f"nextToken {error}", fields=[("nextToken", str(error))]) from error
    response: dict[str, Any] = {name: [to_api(item) for item in items]}
    return response | {"nextToken": token} if token else response


class ForeignToken(Exception):
    """A token belongs to another call."""


def take_page(
    call: Call, entries: Iterable[Entry], sort_key: Callable[[Entry], str], size: int, token: str | None
) -> tuple[list[Entry], str]:
    """Return a page of entries and the token of the next one, which is empty on the last. Raise ForeignToken."""
    fingerprint = digest(call.operation, json.dumps(_without_paging(call.input), sort_keys=True))[:16]
    if token:
        after = _read_token(token, fingerprint)
        entries = (entry for entry in entries if sort_key(entry) > after)
    items = list(islice(entries, size + 1))
    if len(items) <= size:
        return items, ""
    content = json.dumps([fingerprint, sort_key(items[size - 1])]).encode()
    return items[:size], base64.urlsafe_b64encode(content).decode()


def _without_paging(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name.lower() not in ("maxresults", "nexttoken")}


def _read_token(token: str, fingerprint: str) -> str:
    try:
        token_fingerprint, after = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        token_fingerprint, after = None, ""
    if token_fingerprint != fingerprint or not isinstance(after, str):
        raise ForeignToken("belongs to another call")
    return after
