"""Pages and filters of Systems Manager, whose members begin with a capital letter, and what it keeps."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from drs_emulator.clock import from_iso
from drs_emulator.errors import Invalid, Refused
from drs_emulator.operations.pagination import ForeignToken, take_page
from drs_emulator.operations.registry import Call

Entry = TypeVar("Entry")


class Ending(Protocol):
    @property
    def has_ended(self) -> bool: ...


Kept = TypeVar("Kept", bound=Ending)


def paginate_ssm(
    call: Call,
    entries: Iterable[Entry],
    sort_key: Callable[[Entry], str],
    to_api: Callable[[Entry], dict[str, Any]],
    name: str,
    default: int = 50,
) -> dict[str, Any]:
    """Return a page of `entries` as the member `name`. They are in ascending order of `sort_key`. Raise Refused."""
    size = call.input.get("MaxResults") or default
    try:
        items, token = take_page(call, entries, sort_key, size, call.input.get("NextToken"))
    except ForeignToken as error:
        raise Refused("InvalidNextToken", "The specified token is not valid.") from error
    response: dict[str, Any] = {name: [to_api(item) for item in items]}
    return response | {"NextToken": token} if token else response


def newest_first(number: int) -> str:
    """Return the sort key of the entry that was made as the `number`th."""
    return f"{10**9 - number:010}"


def read_time(name: str, text: str) -> float:
    """Read the time of a filter. Raise Invalid."""
    try:
        return from_iso(text)
    except ValueError as error:
        raise Invalid(f"The filter value {text} for {name} is not a valid timestamp") from error


def forget_oldest(entries: dict[str, Kept], kept: int) -> None:
    """Delete the oldest commands or automations that have ended, beyond `kept`. AWS keeps them for 30 days."""
    surplus = len(entries) - kept
    if surplus > 0:
        for name in [name for name, entry in entries.items() if entry.has_ended][:surplus]:
            del entries[name]
