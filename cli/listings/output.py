"""Print a listing as a table, JSON, JSON lines or CSV.

A table on a terminal fits its width: cells that may fold do, long sentences stand below their row, and columns that may
be left out are. In a pipe, nothing is folded, cut or left out, and each item is one line.
"""

import csv
import io
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from cli.listings.columns import Column, Item, Listing
from cli.listings.layout import GAP, lay_out
from cli.terminal import console, error_console, print_json
from recovery.free_text import flatten

# Characters before a text that stands below its row.
INDENT = 4
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
            sys.stdout.write(format_csv(listing, items))
        case Output.TABLE:
            _print_table(listing, items)


# --- CSV ------------------------------------------------------------------------------------------------------------
def format_csv(listing: Listing, items: Sequence[Item]) -> str:
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

    columns = [column for column in listing.columns if column.in_table and _is_shown(column, items)]
    rows = [[column.title for column in columns], *(_table_cells(columns, item) for item in items)]
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    layout = lay_out(columns, widths, console().width if console().is_terminal else None)
    for number, row in enumerate(rows):
        _print_row([row[at] for at in layout.shown], layout.widths)
        _print_below([row[at] for at in layout.below] if number else [])
    if left_out := layout.list_left_out(columns):
        error_console().print(f"Not shown at this width: {', '.join(left_out)}. --output csv shows everything.")


def _is_shown(column: Column, items: Sequence[Item]) -> bool:
    return not column.if_any or any(column.read(item) is not None for item in items)


def _table_cells(columns: Sequence[Column], item: Item) -> list[str]:
    return [column.show(item) for column in columns]


def _print_below(cells: Sequence[str]) -> None:
    from rich.text import Text

    for cell in filter(None, cells):
        for line in Text(cell).wrap(console(), console().width - INDENT):
            console().print(f"{' ' * INDENT}{line.plain.rstrip()}", markup=False)


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
