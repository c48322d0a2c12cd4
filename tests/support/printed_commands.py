"""Every command of `drs-waves` that a person can read: in documents, in help, in the code's own texts, in messages.

A command in capitals (EXECUTION, WAVE, PLAN, FILE) or in braces stands for something; `parse` fills in a sample.
"""

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from cli.connection import CONNECTION_OPTIONS, choose_connection
from cli.main import app
from tests.support.shell_blocks import DOCUMENTS, ROOT, blocks

COMMAND = "drs-waves"
SAMPLES = {
    "EXECUTION": "drill-20261122-081530-4f1c09",
    "WAVE": "web",
    "ACTION": "sign-off",
    "ANSWER": "confirm",
    "PLAN": "three-tier",
    "PLANNAME": "three-tier",
    "PLANID": "rp-1cea30984a27",
    "FILE": "examples/three-tier.yaml",
    "DIR": "build/report",
    "STACK": "drs-waves-prod",
    "REGION": "eu-west-1",
    "KEY": "7a1c",
    "JOB": "drsjob-1234",
    "ACCOUNT": "111122223333",
    "TIME": "2026-11-22T08:15:30Z",
    "ENV": "prod",
    "FINDING": "df-4f1c09ab27d3",
    "DATE": "2099-12-31",
}
# How the code names what it puts into a command, by a part of the name. The first that fits is taken.
_FILLED_IN = {
    "option": "",
    "folder": "",
    "version": "1.0",
    "wave": " web",
    "plan": SAMPLES["PLAN"],
    "path": SAMPLES["FILE"],
    "file": SAMPLES["FILE"],
    "report": SAMPLES["DIR"],
    "decision": "approve",
    "reply": "confirm",
    "execution": SAMPLES["EXECUTION"],
    "continues": SAMPLES["EXECUTION"],
    "key": SAMPLES["KEY"],
    "finding": SAMPLES["FINDING"],
    "due": SAMPLES["DATE"],
}
_INLINE = re.compile(r"`([^`\n]+)`")
# A line of a text of the code that is a command: after an indentation, "Example:", or a label.
_IN_TEXT = re.compile(r"(^  +|Example: |: +|`)(?:[A-Z][A-Z0-9_]*=\S+ )*(drs-waves [a-z][^`]*)", re.MULTILINE)
_BY_NAME = re.compile(r"\0( [a-z][^`\0]*)")


@dataclass(frozen=True)
class Printed:
    """A command as it is printed, and where. `is_mention` for a name in running text, which need not be complete."""

    place: str
    text: str
    is_mention: bool = False

    @property
    def words(self) -> list[str]:
        """The words after `drs-waves`, without what a shell does with the output."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=";<>|&")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        words = list(lexer)
        ends = [at for at, word in enumerate(words) if word[0] in ";<>|&"]
        synopsis = [word.strip("[]") for word in words[1 : ends[0] if ends else None] if word != "[OPTIONS]"]
        return [word for word in synopsis if word != "COMMAND"]


# --- where they are -----------------------------------------------------------------------------------------------
def in_documents(files: Sequence[Path] = DOCUMENTS) -> Iterator[Printed]:
    """In blocks of any language, and in code within running text."""
    for file in files:
        inside = set[int]()
        for block in blocks(file):
            lines = block.text.splitlines()
            inside |= set(range(block.line, block.line + len(lines) + 2))
            for number, line in _joined(lines):
                found = re.match(r"\s*(?:\$ )?(?:[A-Z][A-Z0-9_]*=\S+ )*(drs-waves [a-z].*)", line)
                if found:
                    yield Printed(f"{file.name}:{block.line + 1 + number}", found[1].strip())
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if number not in inside:
                for code in _INLINE.findall(line):
                    if re.match(r"drs-waves [a-z]", code):
                        yield Printed(f"{file.name}:{number}", code, is_mention=True)


def _is_command(text: str) -> bool:
    return text.split()[1].strip(":,") in _names(_root())


def _joined(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines with those that they continue in, by the number of the first."""
    start, text = 0, ""
    for number, line in enumerate(lines):
        start, text = (number, line) if not text else (start, text + line.strip())
        if text.endswith("\\"):
            text = text[:-1]
            continue
        yield start, text
        text = ""


def in_help() -> Iterator[Printed]:
    """In the help of each command and option, and in its epilog."""
    for words, command in _walk(_root()):
        place = f"help of {' '.join((COMMAND, *words))}"
        options = [getattr(parameter, "help", None) for parameter in command.params]
        for text in filter(None, (command.help, command.epilog, *options)):
            for before, found in _IN_TEXT.findall(text):
                if _is_command(found):
                    yield Printed(place, found.rstrip(". "), is_mention=before == "`")


def in_code(folders: Sequence[str] = ("cli", "lambdas", "sandbox")) -> Iterator[Printed]:
    """In texts of the code: f-strings that begin a command with `{COMMAND}`, and lines that are one."""
    for file in sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py")):
        tree = ast.parse(file.read_text())
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in documentation or id(node) in parts:
                continue
            place = f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.JoinedStr):
                text = "".join(_fill_in(part) for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            for line in text.splitlines():
                for found in _BY_NAME.findall(line):
                    yield Printed(place, f"{COMMAND}{found}".rstrip(". "))
                for before, found in _IN_TEXT.findall(line):
                    if _is_command(found) and not line.startswith("Example: "):  # the help has those
                        yield Printed(place, found.rstrip(". "), is_mention=before == "`")


def _fill_in(part: ast.expr) -> str:
    """A part of an f-string, with a sample in place of a value; NUL in place of the command's name."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    assert isinstance(part, ast.FormattedValue)
    source = ast.unparse(part.value)
    if source == "COMMAND":
        return "\0"
    return next((sample for name, sample in _FILLED_IN.items() if name in source.lower()), "sample")


# --- whether they run ---------------------------------------------------------------------------------------------
@cache
def _root() -> Any:
    return typer.main.get_command(app)


def list_names() -> set[str]:
    """The first words of all commands."""
    return _names(_root())


def _names(group: Any) -> set[str]:
    return set(getattr(group, "commands", ()))


def _walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, each in getattr(command, "commands", {}).items():
        yield from _walk(each, (*words, name))


class NotACommand(Exception):
    """The command would be refused, with the reason that the command line gives."""


def parse(words: Sequence[str], *, is_mention: bool = False) -> dict[str, Any]:
    """Parse the words as the command line does, and return the parameters. Raise NotACommand.

    A mention may be the name of a command or a group alone. Files need not exist.
    """
    command, left = _root(), [_replace(word) for word in words]
    path: list[str] = []
    while (names := _names(command)) and left and not left[0].startswith("-"):
        if left[0] not in names:
            raise NotACommand(f"no such command: {' '.join([*path, left[0]])}")
        path.append(left.pop(0))
        command = command.commands[path[-1]]
    if (is_mention and not left) or "--help" in left or "--version" in left:
        return {}
    if _names(command) and not (set(left) & {"--install-completion", "--show-completion"}):
        raise NotACommand(f"{' '.join(path)} needs a command")
    try:
        parameters: dict[str, Any] = command.make_context(" ".join(path), list(left)).params
    except typer.Exit:  # an option that does its work at once, such as --verify
        return {}
    except Exception as error:  # the exceptions of the library that typer has inside it
        message = getattr(error, "message", "") or str(error)
        missing = re.search(r"(file|dir|directory|path)?\W*'([^']+)' does not exist", message, re.IGNORECASE)
        there = "examples" if missing and str(missing[1]).lower().startswith("dir") else SAMPLES["FILE"]
        if missing and missing[2] in left and missing[2] != there:
            return parse([*path, *(there if word == missing[2] else word for word in left)])
        raise NotACommand(message) from error
    if {"sandbox", "stack"} <= set(parameters):
        deployment = {name: parameters[name] for name in CONNECTION_OPTIONS if name != "context"}
        try:
            choose_connection(**deployment, context=None)  # contexts are those of the reader's own machine
        except typer.BadParameter as error:
            raise NotACommand(error.message) from error
    return parameters


def _replace(word: str) -> str:
    """The word with its placeholders filled in; an ellipsis stands for any text."""
    word = re.sub(r"\b[A-Z]{2,}\b", lambda found: SAMPLES.get(found[0], found[0]), word)
    return word.replace("…", "sample")


def in_both_forms(words: Sequence[str]) -> list[list[str]]:
    """The command for the sandbox and the command for AWS; as it is if it works with no deployment."""
    bare, left = [], list(words)
    while left:
        word = left.pop(0)
        if word in ("--stack", "--region", "--profile", "--api-url"):
            left[:1] = []
        elif word != "--sandbox":
            bare.append(word)
    command = _root()
    for word in bare:
        command = getattr(command, "commands", {}).get(word, command)
    options = {option for parameter in command.params for option in parameter.opts}
    if not {"--sandbox", "--stack"} <= options:
        return [list(words)]
    return [[*bare, "--sandbox"], [*bare, "--stack", "drs-waves-prod", "--region", "eu-west-1"], list(words)]


# --- make ---------------------------------------------------------------------------------------------------------
def make_targets(files: Sequence[Path]) -> Iterator[Printed]:
    """Every `make TARGET` in code, in blocks and in texts of the program."""
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for found in re.findall(r"(?:^\s*|[`\"]|&& )make ([a-z][a-z0-9-]*[a-z0-9])(?![a-z0-9-])", line):
                yield Printed(f"{file.name}:{number}", found)
