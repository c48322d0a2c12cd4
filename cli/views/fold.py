"""Fold lines for a narrow terminal: text with a hanging indent, and commands so that they still run when copied."""

import textwrap

_MARK, _INDENT = " \\", "    "


def fold_line(line: str, width: int | None) -> str:
    """The line with breaks at its spaces, and what follows indented by more. Without a width it stays whole."""
    if width is None or len(line) <= width:
        return line
    margin = line[: len(line) - len(line.lstrip())]
    indent = margin + _INDENT if width > len(margin) + 2 * len(_INDENT) else margin
    return "\n".join(textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False))


def fold_command(command: str, width: int | None) -> list[str]:
    """The lines of the command, with two columns to spare before it. A shell reads them as one.

    Without a width the command stays whole. A word that is longer than a line stays whole too.
    """
    room = (width or len(command) + 3) - 3
    if len(command) <= room:
        return [command]
    lines, line = list[str](), ""
    for word in command.split(" "):
        if line.strip() and len(f"{line} {word}{_MARK}") > room:
            lines.append(f"{line}{_MARK}")
            line = _INDENT + word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
