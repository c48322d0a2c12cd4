"""Reads a YAML or JSON file, and finds the line of each of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from recovery.free_text import flatten

Location = tuple[str | int, ...]

# YAML aliases can expand exponentially. A file that expands to more than this is refused.
MAX_NODES = 300_000
MAX_DEPTH = 40

_TEXT = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field, and its line, counted from 1."""

    line: int
    field: str
    message: str


class PlanFileError(Exception):
    """The file is not valid; `problems` has the reasons."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """`shop.yaml:12: recoveryPlan.waves[0].name: Field required`, a line for each problem."""
        return [
            f"{flatten(self.path)}:{each.line}: {flatten(f'{each.field}: {each.message}')}" for each in self.problems
        ]


@dataclass(frozen=True, slots=True)
class Document:
    """The contents of a file, and the line at which each of its parts begins."""

    path: Path
    data: Any
    lines: Mapping[Location, int]

    def line(self, location: Location) -> int:
        """The line of this part or, if it is missing, of the part that should contain it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, location: Location, message: str) -> Problem:
        """A problem with this part."""
        return Problem(self.line(location), format_field(location), message)


def format_field(location: Location) -> str:
    """`waves[1].name` for `("waves", 1, "name")`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".") or "file"


def read_document(path: Path) -> Document:
    """Read the file. Raise PlanFileError if it is not YAML or JSON, or repeats a name within one mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanFileError(path, [Problem(1, "file", f"cannot be read: {error}")]) from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise PlanFileError(path, [Problem(1, "file", "is empty")])
        lines, problems = _find_lines(node)
        if problems:
            raise PlanFileError(path, problems)
        return Document(path, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.problem, error.context) if part)
        raise PlanFileError(path, [Problem(mark.line + 1 if mark else 1, "file", f"not YAML: {message}")]) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise PlanFileError(path, [Problem(line, "file", f"not YAML: {error.reason}")]) from error
    except (ValueError, RecursionError) as error:  # an impossible date, or brackets nested without end
        raise PlanFileError(path, [Problem(1, "file", f"not YAML: {error}")]) from error


def _find_lines(root: yaml.Node) -> tuple[dict[Location, int], list[Problem]]:
    """The line of every part, and problems with names."""
    lines: dict[Location, int] = {}
    problems: list[Problem] = []
    remaining: list[tuple[Location, yaml.Node, int]] = [((), root, root.start_mark.line + 1)]
    while remaining:
        location, node, line = remaining.pop()
        lines[location] = line
        if len(lines) + len(remaining) > MAX_NODES:
            return lines, [Problem(line, format_field(location), "the file is too large, or its aliases are")]
        if len(location) > MAX_DEPTH:  # an alias can contain itself
            return lines, [Problem(line, format_field(location[:3]), "nested too deeply")]
        if isinstance(node, yaml.SequenceNode):
            remaining += [((*location, at), each, each.start_mark.line + 1) for at, each in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            problems += _problems_with_names(location, node)
            for key, value in node.value:
                if key.tag == _TEXT:
                    remaining.append(((*location, key.value), value, key.start_mark.line + 1))
    return lines, problems


def _problems_with_names(location: Location, mapping: yaml.MappingNode) -> list[Problem]:
    """Names that are repeated, or are not text."""
    problems, names = list[Problem](), set[str]()
    for key, _ in mapping.value:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":
            problems.append(Problem(line, format_field(location), "merging with << is not allowed here"))
        elif key.tag != _TEXT:
            problems.append(Problem(line, format_field(location), "a name must be text; put it in quotes"))
        elif key.value in names:
            problems.append(Problem(line, format_field((*location, key.value)), "is repeated"))
        else:
            names.add(key.value)
    return problems
