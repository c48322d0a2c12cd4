"""What a report reads the API with."""

from collections.abc import Iterator
from typing import Any, Protocol


class NotRead(Exception):
    """An answer of the API that cannot be had: it refused, or could not be reached."""


class Reader(Protocol):
    """Reads answers of the API: the client of the command over HTTP, or the control plane in its own process."""

    @property
    def is_emulated(self) -> bool:
        """Whether AWS is emulated where the answers come from."""

    def get(self, path: str, **query: str) -> Any:
        """The body of a successful answer. Raise NotRead."""

    def list_items(self, path: str, name: str, **filters: str) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page. Raise NotRead."""
