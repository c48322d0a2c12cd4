"""Standard output and standard error of the command, and the statuses it exits with."""

import json
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:  # rich takes longer to import than --help may take
    from rich.console import Console

FAILED, INVALID, REFUSED, INTERRUPTED = 1, 2, 3, 130
"""0 is success. An invalid command or file is 2. A refusal, 3, comes from the API or from the user. Ctrl-C is 130."""


@lru_cache(maxsize=1)
def console() -> "Console":
    """Standard output. Long lines are not folded, so that ids and commands can be copied."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


@lru_cache(maxsize=1)
def error_console() -> "Console":
    """Standard error."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, stderr=True)


def print_error(message: str) -> None:
    """Print the message in red on standard error."""
    from rich.markup import escape

    error_console().print(escape(message), style="red")


def end(status: int, message: str) -> NoReturn:
    """Print the message on standard error and exit with this status."""
    print_error(message)
    raise typer.Exit(status)


def has_terminal() -> bool:
    """Return whether the command can ask a question."""
    return sys.stdin.isatty()


def print_json(value: Any) -> None:
    """Print the value as indented JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """Print the rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console().print(line.rstrip(), markup=False)
