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
    fingerprint = digest(call.operation, json.dumps(_without_paging(call.input), sort_keys=True))[:16]
    if token := call.input.get("nextToken"):
        after = _read_token(token, fingerprint)
        entries = (entry for entry in entries if sort_key(entry) > after)
    items = list(islice(entries, size + 1))
    response: dict[str, Any] = {name: [to_api(item) for item in items[:size]]}
    if len(items) > size:
        token_content = json.dumps([fingerprint, sort_key(items[size - 1])]).encode()
        response["nextToken"] = base64.urlsafe_b64encode(token_content).decode()
    return response


def _without_paging(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("maxResults", "nextToken")}


def _read_token(token: str, fingerprint: str) -> str:
    try:
        token_fingerprint, after = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        token_fingerprint, after = None, ""
    if token_fingerprint != fingerprint or not isinstance(after, str):
        raise Invalid("nextToken belongs to another call", fields=[("nextToken", "belongs to another call")])
    return after
