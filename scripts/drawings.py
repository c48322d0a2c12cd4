"""Draw the state machines from their sources, as Mermaid state diagrams that GitHub renders.

python scripts/drawings.py > docs/machines.md
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.machines import SOURCES, Definition, read_yaml  # the path is complete only now

INTRODUCTION = (
    "<!-- `make drawings` writes this file from statemachines/; a test fails when it is stale. -->\n"
    "# State machines\n\n"
    "The label of an arrow is the condition or the errors that lead along it, as the source has them. The names that "
    "begin with a small letter, such as `transient`, stand for the errors that "
    "[error_handling.yaml](../statemachines/error_handling.yaml) lists under them. The drawings leave out retries. "
    "Where several states send all other errors to the same state, the list below the drawing says so.\n"
)
ANY_ERROR = ["States.ALL"]


def build_document() -> str:
    """The text of docs/machines.md."""
    return "\n".join([INTRODUCTION, *(_section(file) for file in sorted(SOURCES.glob("*.asl.yaml")))])


def _section(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    machine = read_yaml(text)
    title, *idea = _header(text)
    parts = [f"## {title}", *idea, f"```mermaid\n{draw(machine)}\n```", list_shared_handlers(machine)]
    return "".join(f"{part}\n\n" for part in parts if part).removesuffix("\n")


def _header(text: str) -> list[str]:
    """The name of the machine, and the paragraphs of the source's header that come before its figures."""
    comment = "\n".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    name, _, idea = comment.partition("\n\nInput ")[0].partition(": ")
    return [name, *(paragraph.replace("\n", " ") for paragraph in (idea[0].upper() + idea[1:]).split("\n\n"))]


def draw(machine: Definition) -> str:
    """A machine as a Mermaid state diagram."""
    handlers = _handlers(machine)
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in _lines(machine, handlers))])


def list_shared_handlers(machine: Definition) -> str:
    """The states that handle any other error of several states, as a list; in a drawing they would hide the rest."""
    handlers = {name: sources for name, sources in _handlers(machine).items() if len(sources) > 1}
    return "\n".join(
        f"- Any other error of {', '.join(f'`{source}`' for source in sources)} leads to `{name}`."
        for name, sources in handlers.items()
    )


def _handlers(machine: Definition) -> dict[str, list[str]]:
    """The states that handle any other error, and of which states."""
    handlers = defaultdict[str, list[str]](list)
    for name, state in _states(machine):
        for catcher in state.get("Catch", ()):
            if catcher["ErrorEquals"] == ANY_ERROR:
                handlers[catcher["Next"]].append(name)
    return handlers


def _states(machine: Definition) -> Iterator[tuple[str, Definition]]:
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from _states(state["ItemProcessor"])


def _lines(machine: Definition, handlers: dict[str, list[str]]) -> Iterator[str]:
    for name in machine["States"]:
        if name.endswith("?"):
            yield f'state "{name}" as {_id(name)}'
    yield f"[*] --> {_id(machine['StartAt'])}"
    for name, state in machine["States"].items():
        if "ItemProcessor" in state:
            yield f"state {name} {{"
            yield from (f"    {line}" for line in _lines(state["ItemProcessor"], handlers))
            yield "}"
        for target, labels in _arrows(state, handlers).items():
            label = f" : {' or '.join(labels)}" if all(labels) else ""
            yield f"{_id(name)} --> {_id(target)}{label}"


def _arrows(state: Definition, handlers: dict[str, list[str]]) -> dict[str, list[str]]:
    """Where a state leads, and the labels of each arrow. The label of the arrow that needs no condition is empty."""
    arrows = defaultdict[str, list[str]](list)
    for rule in state.get("Choices", ()):
        arrows[rule["Next"]].append(_condition(rule["Condition"]))
    if "Default" in state:
        arrows[state["Default"]].append("otherwise")
    if "Next" in state:
        arrows[state["Next"]].append("")
    if state.get("End") or state["Type"] in ("Succeed", "Fail"):
        arrows["[*]"].append("")
    for catcher in state.get("Catch", ()):
        if catcher["ErrorEquals"] != ANY_ERROR:
            arrows[catcher["Next"]].append(", ".join(catcher["ErrorEquals"]))
        elif len(handlers[catcher["Next"]]) == 1:
            arrows[catcher["Next"]].append("any other error")
    return arrows


def _condition(text: str) -> str:
    """`{% $states.input.gate = "START" %}` as `gate = START`."""
    return re.sub(r'^\{% | %\}$|\$states\.input\.|[$"]', "", text)


def _id(name: str) -> str:
    """What Mermaid takes for an identifier."""
    return name.replace("?", "Choice")


if __name__ == "__main__":
    print(build_document(), end="")
