"""What a listing is: where its items come from, and the columns that show them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.free_text import flatten

Item = Mapping[str, Any]
Format = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Column:
    """A value of an item, and how a table shows it."""

    path: str
    """Where the value is, such as `jobs.used`. It heads the column of a CSV file."""
    title: str
    text: Format = flatten
    """How a table shows a value that is not None."""
    folds: bool = False
    """Whether a table on a narrow terminal may fold its cells: names and sentences, but no ids, which are copied."""
    optional: bool = False
    """Whether a table on a narrow terminal may leave the column out."""
    in_table: bool = True
    if_any: bool = False
    """Whether a table leaves the column out when no item has a value."""
    below: bool = False
    """Whether a table on a narrow terminal shows the text below its row, for sentences that may be long."""

    of_item: bool = False
    """Whether `text` takes the item instead of the value, because the text depends on other fields too."""

    def show(self, item: Item) -> str:
        """The text of the item's cell in a table; empty if the item has no value."""
        value = self.read(item)
        return "" if value is None else flatten(self.text(item if self.of_item else value))

    def read(self, item: Item) -> Any:
        """The value; None if the item has none."""
        value: Any = item
        for name in self.path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of items of one kind. `items` is the name of the list in the API's answer and in JSON output."""

    path: str
    items: str
    schema: str
    """The schema of an item in the OpenAPI document."""
    columns: tuple[Column, ...]
    empty: str
    """What a table says in place of rows."""
    added: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the command adds to each item of the API: fields, and their JSON Schemas."""
