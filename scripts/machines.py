"""Build the state machines that are deployed: plain Amazon States Language, as JSON.

python scripts/machines.py

Reads statemachines/*.asl.yaml and writes build/statemachines/*.asl.json. In the source, Retry and ErrorEquals use names
from statemachines/error_handling.yaml; here each name is replaced by what it stands for.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "statemachines"
BUILT = ROOT / "build" / "statemachines"

Definition = dict[str, Any]


class MachineError(Exception):
    """A source is wrong; the message names the file and the state."""


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is eight times as fast


class _Loader(_SafeLoader):  # type: ignore[misc]
    """YAML that refuses a key written twice and leaves dates as text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} twice", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(text: str) -> Definition:
    """The mapping in a YAML text. Raise yaml.YAMLError."""
    mapping: Definition = yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader
    return mapping


class ErrorHandling:
    """The names of error_handling.yaml, and which of them were used."""

    def __init__(self, names: Definition) -> None:
        self._errors: dict[str, list[str]] = names["Errors"]
        self._retriers: dict[str, Definition] = names["Retriers"]
        self._used = set[str]()

    def errors(self, names: list[str], where: str) -> list[str]:
        """ErrorEquals with every named list written out."""
        return [error for name in names for error in self._error_names(name, where)]

    def retrier(self, name: Any, where: str) -> Definition:
        """The named retrier, its ErrorEquals written out."""
        retrier = self._look_up("Retriers", self._retriers, name, where)
        return {**retrier, "ErrorEquals": self.errors(retrier["ErrorEquals"], f"error_handling.yaml: retrier {name}")}

    def unused(self) -> list[str]:
        """The names that no source uses."""
        every = {f"Errors.{name}" for name in self._errors} | {f"Retriers.{name}" for name in self._retriers}
        return sorted(every - self._used)

    def _error_names(self, name: str, where: str) -> list[str]:
        return [name] if name[:1].isupper() else self._look_up("Errors", self._errors, name, where)

    def _look_up(self, section: str, known: dict[str, Any], name: Any, where: str) -> Any:
        if not isinstance(name, str) or name not in known:
            raise MachineError(f"{where}: error_handling.yaml has no {name!r} under {section}")
        self._used.add(f"{section}.{name}")
        return known[name]


def expand(node: Any, handling: ErrorHandling, where: str) -> Any:
    """A definition, or a part of one, with every name written out. `where` is the file and the state."""
    if isinstance(node, list):
        return [expand(item, handling, where) for item in node]
    if not isinstance(node, dict):
        return node
    _require_text_keys(node, where)
    expanded: Definition = {}
    for key, value in node.items():
        match key:
            case "States":
                _require_text_keys(value, where)
                file = where.partition(":")[0]
                expanded[key] = {name: expand(body, handling, f"{file}: {name}") for name, body in value.items()}
            case "Retry":
                expanded[key] = [handling.retrier(name, where) for name in value]
            case "ErrorEquals":
                expanded[key] = handling.errors(value, where)
            case _:
                expanded[key] = expand(value, handling, where)
    return expanded


def _require_text_keys(mapping: Definition, where: str) -> None:
    for key in mapping:
        if not isinstance(key, str):  # JSON would write a text of another kind: On would become "true"
            raise MachineError(f"{where}: the key {key!r} is not a string to YAML; quote it")


def expand_all(folder: Path = SOURCES) -> dict[str, Definition]:
    """The machines of a folder by the name of their file, such as recover_plan. Raise MachineError."""
    handling = ErrorHandling(read_yaml((folder / "error_handling.yaml").read_text(encoding="utf-8")))
    machines = {
        file.name.removesuffix(".asl.yaml"): expand(read_yaml(file.read_text(encoding="utf-8")), handling, file.name)
        for file in sorted(folder.glob("*.asl.yaml"))
    }
    if unused := handling.unused():
        raise MachineError(f"error_handling.yaml: no machine uses {', '.join(unused)}")
    return machines


def to_json(machine: Definition) -> str:
    """The text that is deployed."""
    return json.dumps(machine, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    BUILT.mkdir(parents=True, exist_ok=True)
    for name, machine in expand_all().items():
        (BUILT / f"{name}.asl.json").write_text(to_json(machine), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except (MachineError, yaml.YAMLError) as error:
        sys.exit(f"machines: {error}")
