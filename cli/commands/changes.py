"""How `plan diff` and `plan apply` print what a file would change: for people, and as JSON."""

import json
from typing import TYPE_CHECKING, Any

from cli.terminal import console, print_json
from recovery.free_text import escape_json, flatten

if TYPE_CHECKING:  # what these modules import takes long, so the commands import them
    from collections.abc import Iterable

    from cli.plans.changes import Change
    from cli.plans.document import Document, Problem
    from recovery.domain.drills.differences import Difference


def print_warnings(warnings: list[str]) -> None:
    """Print each on a line of its own."""
    from rich.markup import escape

    for sentence in warnings:
        console().print(f"[yellow]! {escape(flatten(sentence))}[/yellow]")


def list_file_warnings(document: "Document") -> list[str]:
    """What is allowed in the file and seldom meant, each with its line and field."""
    from cli.plans.document import format_problem
    from cli.plans.warnings import find_warnings

    return [f"warning: {format_problem(document.path, each)}" for each in find_warnings(document)]


def print_check_as_json(problems: "Iterable[Problem]", warnings: "Iterable[Problem]") -> None:
    """Print the `problems` and `warnings` of a file, each with its `line`, `field` and `message`."""
    found, warned = (
        [{"line": each.line, "field": each.field, "message": each.message} for each in listed]
        for listed in (problems, warnings)
    )
    print_json({"isValid": not found, "problems": found, "warnings": warned})


def print_changes(changes: "list[Change]") -> bool:
    """Print what would be changed, and return whether anything would be."""
    from rich.markup import escape

    for change in changes:
        is_new = change.resource_id is None
        colour, sign = ("dim", " ") if not change.is_needed else ("green", "+") if is_new else ("yellow", "~")
        unchanged = "" if change.is_needed else "  unchanged"
        console().print(f"[{colour}]{sign} {format_title(change)}{unchanged}[/{colour}]")
        for sentence in change.consequences:
            console().print(f"    [yellow]! {escape(flatten(sentence))}[/yellow]")
        for sentence in change.notes:
            console().print(f"    {escape(flatten(sentence))}")
        for each in change.differences:
            for line in _format_difference(each, is_new=is_new):
                console().print(f"    {line}", markup=False)
    needed = sum(change.is_needed for change in changes)
    console().print(f"{needed} of {len(changes)} to change" if needed else "Nothing to change.")
    return bool(needed)


def print_changes_as_json(changes: "list[Change]", warnings: list[str]) -> None:
    """Print `changes`, each with `action` (create, change or none) and its `differences`, and the `warnings`."""
    print_json({"changes": [_to_json(change) for change in changes], "warnings": warnings})


def format_title(change: "Change") -> str:
    """`protection group databases`, for markup."""
    from rich.markup import escape

    return escape(flatten(f"{change.kind} {change.name}"))


def _to_json(change: "Change") -> dict[str, Any]:
    action = "create" if change.resource_id is None else "change" if change.is_needed else "none"
    return {
        "kind": change.kind,
        "name": change.name,
        "id": change.resource_id,
        "action": action,
        "differences": [
            {"field": each.field, "before": each.before, "after": each.after} for each in change.differences
        ],
        "consequences": list(change.consequences),
        "notes": list(change.notes),
    }


def _format_difference(difference: "Difference", *, is_new: bool) -> list[str]:
    """`field: "old" -> "new"` as JSON, which quotes text and escapes what it hides; what is new as YAML."""
    field, after = flatten(difference.field), difference.after
    if difference.before is None and isinstance(after, dict | list) and after:
        return [f"{field}:", *(f"  {line}" for line in _format_whole(after))]
    if is_new:
        return [f"{field}: {_as_json(after)}"]
    return [f"{field}: {_format_values(difference.before, after)}"]


def _format_whole(value: Any) -> list[str]:
    """All of the value as YAML, each entry of a list and each field on its own line."""
    import yaml

    plain = json.dumps(value, ensure_ascii=False)
    if "\\n" in plain:  # a line of somebody's text would look like one of ours
        return [_as_json(value)]
    is_clean = escape_json(plain) == plain
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=is_clean, default_flow_style=None, width=120)
    return str(text).splitlines()


def _format_values(before: Any, after: Any) -> str:
    """Long ones begin near where they differ."""
    from recovery.domain.drills.differences import cut_both

    return " -> ".join(cut_both(_as_json(before), _as_json(after)))


def _as_json(value: Any) -> str:
    return "nothing" if value is None else escape_json(json.dumps(value, ensure_ascii=False))
