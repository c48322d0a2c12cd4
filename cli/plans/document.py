"""Reads a YAML or JSON file, and finds the line of each of its parts."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from api.http.json_mistakes import explain_json
from api.schemas.requests.words import show_json
from cli.plans.syntax import explain_yaml
from recovery.free_text import flatten

Location = tuple[str | int, ...]

# YAML aliases can expand exponentially. A file that expands to more than this is refused.
MAX_NODES = 300_000
MAX_DEPTH = 40

_HELP = "a plan file has protectionGroups and recoveryPlan, as examples/three-tier.yaml shows"

_TEXT = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field, and its line, counted from 1."""

    line: int
    field: str
    message: str


def format_problem(path: Path, problem: Problem) -> str:
    """`shop.yaml:12: recoveryPlan.waves[0].name: is empty`."""
    return f"{flatten(path)}:{problem.line}: {flatten(f'{problem.field}: {problem.message}')}"


class PlanFileError(Exception):
    """The file is not valid; `problems` has the reasons."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """`shop.yaml:12: recoveryPlan.waves[0].name: is empty`, a line for each problem."""
        return [format_problem(self.path, each) for each in self.problems]


@dataclass(frozen=True, slots=True)
class Document:
    """The contents of a file, and the line at which each of its parts begins.

    `problems` are names of fields that are repeated, or that are not text.
    """

    path: Path
    data: Any
    lines: Mapping[Location, int]
    problems: tuple[Problem, ...] = ()

    def show(self, value: Any) -> str:
        """The value as one would write it in this file."""
        return show_json(value) if self.path.suffix == ".json" else show_yaml(value)

    def line(self, location: Location) -> int:
        """The line of this part or, if it is missing, of the part that should contain it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, location: Location, message: str) -> Problem:
        """A problem with this part."""
        return Problem(self.line(location), format_field(location), message)


def show_yaml(value: Any) -> str:
    """The value as YAML, in one line: `{name: payroll}`."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf)
    return str(text).removesuffix("...\n").strip()


def format_field(location: Location) -> str:
    """`waves[1].name` for `("waves", 1, "name")`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".") or "file"


def parse_field(text: str) -> Location:
    """The inverse of `format_field`: `("waves", 1, "name")` for `waves[1].name`."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", "" if text == "body" else text)
    return tuple(int(number) if number else name for number, name in parts)


class _PlainLoader(yaml.SafeLoader):
    """YAML without types of other libraries, some of which add theirs to SafeLoader for the whole process."""

    yaml_constructors: ClassVar[dict[str | None, Any]] = dict(yaml.constructor.SafeConstructor.yaml_constructors)
    yaml_multi_constructors: ClassVar[dict[str | None, Any]] = {}


def read_document(path: Path) -> Document:
    """Read the file. Raise PlanFileError if it is not YAML or JSON. Wrong names of fields are among its problems."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(path, 1, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, 1, "cannot be read: it is not text in UTF-8") from error
    is_json = path.suffix == ".json"
    if is_json:
        text = text.replace("\t", " ")  # YAML takes no tabs between its parts; within its texts, JSON has none
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise _unreadable(path, 1, f"is empty; {_HELP}")
        lines, problems, is_readable = _find_lines(node)
        if not is_readable:
            raise PlanFileError(path, problems)
        return Document(path, loader.construct_document(node), lines, tuple(problems))
    except yaml.MarkedYAMLError as error:
        raise _unreadable(path, *_explain(text, error, is_json=is_json)) from error
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise _unreadable(path, line, "not YAML: special characters are not allowed") from error
    except RecursionError as error:
        raise _unreadable(path, 1, "nested too deeply") from error
    except ValueError as error:
        raise _unreadable(path, 1, "not YAML: a date or number that does not exist; put it in quotes") from error


def _unreadable(path: Path, line: int, message: str) -> PlanFileError:
    return PlanFileError(path, [Problem(line, "file", message)])


def _explain(text: str, error: yaml.MarkedYAMLError, *, is_json: bool) -> tuple[int, str]:
    """The line and the message: as of JSON if that is what the file should be."""
    if is_json:
        try:
            json.loads(text)
        except json.JSONDecodeError as wrong:
            return wrong.lineno, f"not JSON: {explain_json(wrong)}"
        except RecursionError:
            return 1, "nested too deeply"
    return explain_yaml(error, text)


def _find_lines(root: yaml.Node) -> tuple[dict[Location, int], list[Problem], bool]:
    """The line of every part, problems with names, and whether the rest of the file can be read."""
    lines: dict[Location, int] = {}
    problems: list[Problem] = []
    remaining: list[tuple[Location, yaml.Node, int]] = [((), root, root.start_mark.line + 1)]
    while remaining:
        location, node, line = remaining.pop()
        lines[location] = line
        if len(lines) + len(remaining) > MAX_NODES:
            return lines, [Problem(line, format_field(location), "the file is too large, or its aliases are")], False
        if len(location) > MAX_DEPTH:  # an alias can contain itself
            return lines, [Problem(line, format_field(location[:3]), "nested too deeply")], False
        if isinstance(node, yaml.SequenceNode):
            remaining += [((*location, at), each, each.start_mark.line + 1) for at, each in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            problems += _problems_with_names(location, node)
            for key, value in node.value:
                if key.tag == _TEXT:
                    remaining.append(((*location, key.value), value, key.start_mark.line + 1))
    return lines, problems, True


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
