"""The commands that stand in the documents, block by block, and why some of them are not run by the tests.

A fenced block without a language, or with one of SHELL, is commands, and they are run. One before which a line
`<!-- not run: why -->` stands is not. What a program prints is `text`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = ("", "sh", "bash", "console")
OTHER = ("json", "mermaid", "python", "text", "toml", "yaml")

_FENCE = re.compile(r" *```(\w*)")
_NOT_RUN = re.compile(r" *<!-- not run: (.+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block; `reason` is why it is not run."""

    file: Path
    line: int
    language: str
    text: str
    reason: str | None

    @property
    def name(self) -> str:
        return f"{self.file.name}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Its commands, each on one line."""
        joined = re.sub(r" *\\\n *", " ", self.text)
        return [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]


def blocks(file: Path) -> Iterator[Block]:
    """Every fenced block of a document."""
    lines = file.read_text().splitlines()
    start, language = None, ""
    for number, line in enumerate(lines):
        if not (fence := _FENCE.match(line)):
            continue
        if start is None:
            start, language = number, fence[1]
            continue
        above = _NOT_RUN.fullmatch(lines[start - 1]) if start else None
        text = "\n".join(lines[start + 1 : number])
        yield Block(file, start + 1, language, text, above[1] if above else None)
        start = None


def shell_blocks(file: Path) -> list[Block]:
    """Those that are commands."""
    return [block for block in blocks(file) if block.language in SHELL]
