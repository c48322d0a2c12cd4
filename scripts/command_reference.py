"""Write the reference of the command from its parser: `python scripts/command_reference.py > docs/commands.md`."""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "lambdas")]

from cli.connection import CONNECTION_OPTIONS  # noqa: E402  # it needs the paths above
from cli.listings.catalog import LISTINGS  # noqa: E402
from cli.main import app  # noqa: E402
from cli.text import COMMAND  # noqa: E402

INTRODUCTION = f"""\
<!-- `make reference` writes this file from the parser of the command; a test fails when it is stale. -->
# Commands

The text of `{COMMAND} --help`, and of each command's own help.

- EXECUTION is the id of a run, a beginning of it that no other run shares, `latest` (the newest drill or recovery \
of all), or `latest:PLAN`. A readiness check has to be named by its id. What EXECUTION stands for is shown. A command \
that changes something asks whether `latest` is the run that is meant, because another person may have started one a \
second ago; it then acts on the id in the question.
- PLAN is the id of a plan or its exact name. Commands that only read also take the beginning of a name.
- `--output table` fits a terminal, and cuts nothing in a pipe; `csv` heads its columns with the names of the fields; \
`json` and `jsonl` have the items as [the API](api.md) gives them. Their JSON Schemas: {{schemas}}.
- [Contexts](#drs-waves-context) are deployments with names.
- Shells complete commands, runs, plans, waves, statuses and contexts after `{COMMAND} --install-completion`.
"""


def build_document() -> str:
    """The text of docs/commands.md."""
    root = typer.main.get_command(app)
    schemas = ", ".join(
        f"[{name}](schemas/{name.replace(' --', '-').replace(' ', '-')}.schema.json)" for name in LISTINGS
    )
    parts = [INTRODUCTION.format(schemas=schemas), f"{_prose(root.help or '')}\n"]
    context = typer.Context(root)
    shared: dict[str, Any] = {}
    for command, path in _list_commands(root):
        parts.append(_section(command, path, context))
        if _is_connected(command):
            shared = {each.name: each for each in command.params if each.name in CONNECTION_OPTIONS}
    rows = _options([shared[name] for name in CONNECTION_OPTIONS], context)
    parts.insert(2, "## Options of every command that calls the API\n\n" + rows)
    return "\n".join(parts).rstrip() + "\n"


def _list_commands(group: Any, path: tuple[str, ...] = (COMMAND,)) -> Iterator[tuple[Any, str]]:
    for name, command in group.commands.items():
        yield command, " ".join((*path, name))
        if hasattr(command, "commands"):
            yield from _list_commands(command, (*path, name))


def _section(command: Any, path: str, context: Any) -> str:
    is_group = hasattr(command, "commands")
    lines = [f"## {path}", "", _prose(command.help or "")]
    if not is_group:
        required = [
            f"{each.opts[0]} {each.metavar}"
            for each in command.params
            if each.required and each.opts[0].startswith("-")
        ]
        usage = " ".join([path, *required, *command.collect_usage_pieces(context)])
        left_out = CONNECTION_OPTIONS if _is_connected(command) else ()
        own = [each for each in command.params if each.name not in left_out]
        lines += ["", f"```text\n{usage}\n```", "", _options(own, context)]
        lines += [f"{command.epilog.replace('Example: ', 'Example: `', 1)}`", ""]
    return "\n".join(lines) + ("\n" if is_group else "")


def _is_connected(command: Any) -> bool:
    return set(CONNECTION_OPTIONS) <= {each.name for each in command.params}


def _options(parameters: list[Any], context: Any) -> str:
    records = [record for each in parameters if (record := each.get_help_record(context))]
    return "".join(f"- `{name}`: {text}\n" for name, text in map(_plain, records))


def _plain(record: tuple[str, str]) -> tuple[str, str]:
    from cli.commands.arguments import write_plainly

    name, text = write_plainly(*record)
    return name, text.replace("  [", " [").replace("[", "(").replace("]", ")")


def _prose(text: str) -> str:
    """The help as Markdown: what it has between lines of `\\b` is as it stands."""
    blocks = inspect.cleandoc(text).split("\n\n")
    written = [f"```text\n{block[2:]}\n```" if block.startswith("\b\n") else _escape(block) for block in blocks]
    return "\n\n".join(written)


def _escape(block: str) -> str:
    return re.sub(r"([<>*_])", r"\\\1", " ".join(block.split()))


if __name__ == "__main__":
    print(build_document(), end="")
