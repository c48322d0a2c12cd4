"""The JSON view: a JSON object on a line for each change, for a pipeline."""

import json
import sys
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from report.run_record import Record

# What grows with every answer while nothing happens.
_GROWING = ("durationSeconds", "jobSeconds")


class JsonView:
    """Writes the record when anything other than its times has changed. Each line begins with `type`."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._last: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        return None

    def show(self, record: Record) -> None:
        """Write the record, if it has changed."""
        timeless = json.dumps(_without_keys(record, _GROWING), sort_keys=True)
        if timeless != self._last:
            self._last = timeless
            self.write("progress", {"execution": record})

    def trouble(self, message: str | None) -> None:
        """Write the message."""
        if message:
            self.write("trouble", {"message": message})

    def notice(self, line: str) -> None:
        """Write the line."""
        self.write("notice", {"message": line})

    def write(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Write a line of this type."""
        self._stream.write(json.dumps({"type": kind, **fields}) + "\n")
        self._stream.flush()


def _without_keys(value: Any, keys: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_keys(part, keys) for name, part in value.items() if name not in keys}
    return [_without_keys(part, keys) for part in value] if isinstance(value, list) else value
