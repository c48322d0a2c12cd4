"""Standard output and standard error of the command, questions, and the statuses it exits with.

Output never fails for a character: where the terminal or the pipe cannot encode one, its escape is printed instead,
such as `\\u2192`. JSON is ASCII, and a file that a command prints is UTF-8.

Everything else is printed by `console` and `error_console`, which leave out what would move the cursor, turn the
direction of text or hide something, wherever the text comes from. What others have written is flattened to one line
before it becomes part of a line of ours (`recovery.free_text`).
"""

import json
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from recovery.free_text import clean, flatten

if TYPE_CHECKING:  # rich takes longer to import than --help may take
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

FAILED, INVALID, REFUSED, INTERRUPTED = 1, 2, 3, 130
"""0 is success. An invalid command or file is 2. A refusal, 3, comes from the API or from the user. Ctrl-C is 130."""


def encode_safely() -> None:
    """Let standard output and standard error print the escape of a character that they cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@lru_cache(maxsize=1)
def console() -> "Console":
    """Standard output. Long lines are not folded, so that ids and commands can be copied."""
    return make_console()


@lru_cache(maxsize=1)
def error_console() -> "Console":
    """Standard error."""
    return make_console(stderr=True)


def make_console(**options: Any) -> "Console":
    """A console that prints no control character but line breaks and its own, and no invisible one."""
    from rich.console import Console

    class _CleanConsole(Console):
        def render(self, renderable: "RenderableType", options: "ConsoleOptions | None" = None) -> "Iterable[Segment]":
            for segment in super().render(renderable, options):
                yield segment if segment.control else segment._replace(text=clean(segment.text, keep="\n"))

    encode_safely()
    return _CleanConsole(highlight=False, soft_wrap=True, emoji=False, **options)


def print_error(message: str) -> None:
    """Print the message in red on standard error."""
    from rich.markup import escape

    error_console().print(escape(message), style="red")


def print_notice(message: str) -> None:
    """Print the message on standard error, where it stands in no program's way."""
    error_console().print(message, markup=False)


def end(status: int, message: str) -> NoReturn:
    """Print the message on standard error and exit with this status."""
    print_error(message)
    raise typer.Exit(status)


def has_terminal() -> bool:
    """Return whether the command can ask a question."""
    return sys.stdin.isatty()


def ask(question: str, otherwise: str) -> str:
    """Ask on standard error and return the answer, without spaces around it.

    End the command with the text of `otherwise`, such as "Nothing was started.": as a refusal if there is no answer,
    and as interrupted after Ctrl-C.
    """
    try:
        error_console().print(f"{question}: ", markup=False, end="")
        return input().strip()
    except EOFError:
        end(REFUSED, f"\nThere was no answer. {otherwise}")
    except KeyboardInterrupt:
        end(INTERRUPTED, f"\nInterrupted. {otherwise}")


def confirm(question: str, otherwise: str) -> bool:
    """Ask for yes or no, and return whether the answer is yes. `otherwise` is as in `ask`."""
    return ask(f"{question} [y/N]", otherwise).lower() in ("y", "yes")


def print_json(value: Any) -> None:
    """Print the value as indented JSON on standard output."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_file(text: str) -> None:
    """Print the contents of a file as UTF-8, whatever the terminal's encoding is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """Print the rows in columns."""
    rows = [tuple(map(flatten, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console().print(line.rstrip(), markup=False)
