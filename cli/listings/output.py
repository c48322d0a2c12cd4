"""Print a listing as a table, JSON, JSON lines or CSV.

A table on a terminal fits its width: cells that may fold do, and columns that may be left out are. In a pipe, nothing
is folded, cut or left out, and each item is one line.
"""

import csv
import io
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from cli.listings.catalog import Column, Item, Listing
from cli.terminal import console, error_console, print_json
from recovery.free_text import flatten

# Characters of a cell that folds, at least; characters between two columns.
MIN_FOLDED, GAP = 11, 2
# A spreadsheet runs text that begins with one of these.
_FORMULAS = ("=", "+", "-", "@")


class Output(StrEnum):
    """The form in which a command prints a listing."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def print_listing(listing: Listing, items: Sequence[Item], output: Output) -> None:
    """Print the items in this form on standard output."""
    match output:
        case Output.JSON:
            print_json({listing.items: list(items)})
        case Output.JSONL:
            sys.stdout.write("".join(f"{json.dumps(item)}\n" for item in items))
        case Output.CSV:
            sys.stdout.write(_format_csv(listing, items))
        case Output.TABLE:
            _print_table(listing, items)


# --- CSV ------------------------------------------------------------------------------------------------------------
def _format_csv(listing: Listing, items: Sequence[Item]) -> str:
    """A head of field names, and a line for each item."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.path for column in listing.columns])
    writer.writerows([_csv_cell(column.read(item)) for column in listing.columns] for item in items)
    return text.getvalue()


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value)
    text = flatten(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULAS) else text


# --- tables ---------------------------------------------------------------------------------------------------------
def _print_table(listing: Listing, items: Sequence[Item]) -> None:
    if not items:
        console().print(listing.empty, markup=False)
        return
    from rich.cells import cell_len

    columns = [column for column in listing.columns if column.in_table]
    rows = [[column.title for column in columns], *(_table_cells(columns, item) for item in items)]
    shown, widths = list(range(len(columns))), [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    if console().is_terminal:
        shown, widths = _fit(columns, widths, console().width)
    for row in rows:
        _print_row([row[at] for at in shown], widths)
    if left_out := [column.title for at, column in enumerate(columns) if at not in shown]:
        text = f"Not shown at this width: {', '.join(left_out)}. --output csv shows everything."
        error_console().print(text, style="dim", markup=False)


def _table_cells(columns: Sequence[Column], item: Item) -> list[str]:
    values = ((column, column.read(item)) for column in columns)
    return ["" if value is None else flatten(column.text(value)) for column, value in values]


def _fit(columns: Sequence[Column], natural: Sequence[int], width: int) -> tuple[list[int], list[int]]:
    """The columns that a table of this width shows, by their places, and the width of each."""
    shown = list(range(len(columns)))
    least = [min(size, MIN_FOLDED) if column.folds else size for column, size in zip(columns, natural, strict=True)]
    while sum(least[at] + GAP for at in shown) - GAP > width:
        optional = [at for at in shown if columns[at].optional]
        if not optional:
            break
        shown.remove(optional[-1])
    room = width + GAP - sum(least[at] + GAP for at in shown)
    widths = {at: least[at] for at in shown}
    while room > 0 and (narrow := [at for at in shown if widths[at] < natural[at]]):
        widths[min(narrow, key=lambda at: widths[at])] += 1
        room -= 1
    return shown, [widths[at] for at in shown]


def _print_row(cells: Sequence[str], widths: Sequence[int]) -> None:
    """Print the cells side by side, each on as many lines as its width needs."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    folded = [
        [cell] if cell_len(cell) <= width else [line.plain.rstrip() for line in Text(cell).wrap(console(), width)]
        for cell, width in zip(cells, widths, strict=True)
    ]
    for at in range(max(map(len, folded))):
        parts = [
            set_cell_size(lines[at] if at < len(lines) else "", width)
            for lines, width in zip(folded, widths, strict=True)
        ]
        console().print((" " * GAP).join(parts).rstrip(), markup=False)
