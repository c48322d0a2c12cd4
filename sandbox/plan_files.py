"""Plan files as they are written, YAML or JSON: where each thing stands, and what the API is told of it.

What a plan file may say is not known here, only how it is read; `scripts/plan_files.py` checks it against the API's
own rules. A file names protection groups where the API wants ids, and may name source servers by host name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Location = tuple[str | int, ...]
# The id of the source server with this host name, in the account and Region; raises what the caller likes.
ServerId = Callable[[str, str, str], str]

# An alias may stand for a list of aliases, and that for another; more than this is no plan.
MOST_NODES = 300_000
DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, at which line (from 1), and of which field."""

    line: int
    field: str
    message: str


class PlanFileError(Exception):
    """A file that cannot be used; `problems` says where."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__("\n".join(self.told()))

    def told(self) -> list[str]:
        """`shop.yaml:12: recoveryPlan.waves[0].name: Field required`, a line for each problem."""
        return [f"{self.path}:{each.line}: {each.field}: {each.message}" for each in self.problems]


@dataclass(frozen=True, slots=True)
class Document:
    """A file's contents, and the line at which each part of it begins."""

    path: Path
    data: Any
    lines: Mapping[Location, int]

    def line(self, location: Location) -> int:
        """The line of that part or, if it is not there, of what it should be in."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def problem(self, location: Location, message: str) -> Problem:
        """A problem with that part."""
        return Problem(self.line(location), field(location), message)


def field(location: Location) -> str:
    """`waves[1].name` of `("waves", 1, "name")`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.lstrip(".") or "file"


def read(path: Path) -> Document:
    """Raise PlanFileError when it is not text, not YAML (of which JSON is a part), or has a name twice in one place."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanFileError(path, [Problem(1, "file", f"cannot be read: {error}")]) from error
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise PlanFileError(path, [Problem(1, "file", "is empty")])
        lines, problems = _lines(node)
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
    except (ValueError, RecursionError) as error:  # a date that is none; brackets without end
        raise PlanFileError(path, [Problem(1, "file", f"not YAML: {error}")]) from error


def _lines(root: yaml.Node) -> tuple[dict[Location, int], list[Problem]]:
    """The line of every part; problems with names that are there twice or are no text."""
    lines: dict[Location, int] = {}
    problems: list[Problem] = []
    left: list[tuple[Location, yaml.Node, int]] = [((), root, root.start_mark.line + 1)]
    while left:
        location, node, line = left.pop()
        lines[location] = line
        if len(lines) + len(left) > MOST_NODES:
            return lines, [Problem(line, field(location), "the file is too large, or its aliases are")]
        if len(location) > DEEPEST:  # as an alias is that stands for itself
            return lines, [Problem(line, field(location[:3]), "nested too deeply")]
        if isinstance(node, yaml.SequenceNode):
            left += [((*location, at), each, each.start_mark.line + 1) for at, each in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                at, name = key.start_mark.line + 1, key.value
                if key.tag == "tag:yaml.org,2002:merge":
                    problems.append(Problem(at, field(location), "merging with << is not allowed here"))
                elif key.tag != "tag:yaml.org,2002:str":
                    problems.append(Problem(at, field(location), "a name has to be text; put it in quotes"))
                elif name in names:
                    problems.append(Problem(at, field((*location, name)), "is there twice"))
                else:
                    names.add(name)
                    left.append(((*location, name), value, at))
    return lines, problems


def group_body(group: Mapping[str, Any], server_id: ServerId) -> dict[str, Any]:
    """What POST /protection-groups takes of a group of the file."""
    return _with_ids(group, str(group.get("accountId")), str(group.get("region")), server_id)


def plan_body(
    plan: Mapping[str, Any],
    groups: Mapping[str, Mapping[str, Any]],
    group_ids: Mapping[str, str],
    server_id: ServerId,
) -> dict[str, Any]:
    """What POST /recovery-plans takes of the file's plan; `groups` and `group_ids` are by name."""

    def use(named: Any) -> dict[str, Any]:
        given = {"group": named} if isinstance(named, str) else dict(named)
        name = given.pop("group")
        group = groups[name]
        return {"groupId": group_ids[name], **_with_ids(given, group["accountId"], group["region"], server_id)}

    waves = [{**wave, "groups": [use(named) for named in wave["groups"]]} for wave in plan["waves"]]
    return {**plan, "waves": waves}


def _with_ids(part: Mapping[str, Any], account_id: str, region: str, server_id: ServerId) -> dict[str, Any]:
    """The part with the ids of the servers in the place of their host names."""
    body = {name: value for name, value in part.items() if name != "sourceServers"}
    if "sourceServers" in part:
        ids = [server_id(account_id, region, hostname) for hostname in part["sourceServers"]]
        body["sourceServerIds"] = [*body.get("sourceServerIds", ()), *ids]
    return body
