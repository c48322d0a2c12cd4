"""Arguments and options that several commands share, and how each command reads its own."""

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from cli.commands.completion import complete_action, complete_plan, complete_run, complete_wave
from cli.listings.output import Output
from cli.lookup.runs import LATEST
from recovery.free_text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

_EMPTY = "is empty. Leave it out, or give it a value; an unset variable of the shell reads like this."

# The library's name of a type, and the word that stands for a value of it. Other options have a metavar.
_TYPE = re.compile(r" <([a-z\[\] ]+)>")
_PLACEHOLDERS = {
    "str": "TEXT",
    "file": "FILE",
    "path": "PATH",
    "directory": "DIR",
    "int": "NUMBER",
    "int range": "NUMBER",
    "float": "NUMBER",
    "float range": "NUMBER",
    "list[str]": "TEXT",
}
_DEFAULT = re.compile(r"default: \((.+?)\)")
# What the library says of a value.
_CHOICE = re.compile(r"(?:Value error, )?(.+) is not one of ('.+', '.+')\.", re.DOTALL)
_MISTAKES = (
    (re.compile("Input should be a valid integer.*"), "must be a whole number"),
    (re.compile("Input should be a valid number.*"), "must be a number"),
    (re.compile("Input should be greater than or equal to (.+)"), r"must be at least \1"),
    (re.compile("Input should be less than or equal to (.+)"), r"must be at most \1"),
)
_RANGE = re.compile(r"([0-9.]+)<=x<=([0-9.]+)")


def write_plainly(name: str, text: str) -> tuple[str, str]:
    """The name and the text of a parameter's help without the library's types, ranges and brackets."""
    text = _DEFAULT.sub(r"default: \1", _RANGE.sub(r"\1 to \2", text))
    if not name.startswith("-"):
        return _TYPE.sub("", name).upper(), text.removesuffix("  [required]")
    return _TYPE.sub(lambda match: f" {_PLACEHOLDERS[match[1]]}", name), text


def say_plainly(message: str) -> str:
    """What is wrong with a value, in plain words instead of the library's."""
    if choice := _CHOICE.fullmatch(message):
        known = choice[2].replace("'", "").split(", ")
        return f"{choice[1]} is not known; give {', '.join(known[:-1])} or {known[-1]}"
    for pattern, words in _MISTAKES:
        if found := pattern.fullmatch(message):
            return found.expand(words)
    return message


class _Command(TyperCommand):
    """A command that refuses an empty text, which would otherwise mean the same as a text that is left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raise BadParameter, which names the option or argument."""
        if ctx.resilient_parsing:  # for completion
            return super().parse_args(ctx, self._without_open_option(ctx, args))
        given, *_ = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in self.get_params(ctx):
            value = given.get(parameter.name)
            values = value if isinstance(value, list) else [value]  # an option that can be repeated has a list
            if any(isinstance(each, str) and not each.strip() for each in values):
                raise typer.BadParameter(_EMPTY, ctx=ctx, param=cast(Any, parameter))
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = say_plainly(error.message)
            raise

    def _without_open_option(self, ctx: Any, args: list[str]) -> list[str]:
        """Leave out an option whose value the shell asks for. It would hide the words before it, such as the run."""
        with_value = [each for each in self.get_params(ctx) if not getattr(each, "is_flag", True)]
        is_open = bool(args) and any(args[-1] in each.opts for each in with_value)
        return args[:-1] if is_open else args

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage without the braces of the library: `[OPTIONS] PLAN`."""
        return [piece.strip("{}").upper() for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options in one style: words in capitals for values, and no types of the library."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is None:
                continue
            is_argument = parameter.param_type_name == "argument"
            sections["Arguments" if is_argument else "Options"].append(write_plainly(*record))
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class LightGroup(TyperGroup):
    """A group of commands that shows their help without importing pydantic."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give the flags of the library, such as --help, a default.

        It imports pydantic to judge None, and that takes as long as all else that the help of a command needs.
        """
        for option in self.get_params(ctx):
            if getattr(option, "is_bool_flag", False) and option.default is None:
                option.default = False
        return super().parse_args(ctx, args)


class Actions(StrEnum):
    """What a drill does with the actions of its plan."""

    RUN = "run"
    SKIP = "skip"
    VERIFY_ONLY = "verifyOnly"


class Profiles(StrEnum):
    """What a run does with the launch profiles of its groups."""

    APPLY = "apply"
    SKIP = "skip"


class CommandGroup(typer.Typer):
    """A group whose commands refuse an empty text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"cls": LightGroup, **options})

    def command(self, name: str | None = None, **options: Any) -> "Callable[[Any], Any]":
        """Register a command."""
        return super().command(name, **{"cls": _Command, **options})


def _check_id(text: str) -> str:
    """An id becomes part of an API path, so it must not contain what leads to another path."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", text):
        raise typer.BadParameter(f"{clean(text)[:80]!r} is not a valid id")
    return text


def _check_run(text: str) -> str:
    """An id or a prefix of one, `latest` or `latest:PLAN`."""
    word, colon, plan = text.partition(":")
    if word == LATEST and bool(colon) == bool(plan.strip()):
        return text
    return _check_id(text)


def _check_key(text: str | None) -> str | None:
    if text is not None and not re.fullmatch("[!-~]{1,255}", text):
        raise typer.BadParameter("must be 1 to 255 visible ASCII characters, such as a UUID")
    return text


def _check_time(text: str | None) -> str | None:
    """Refuse what the API would refuse, before the command asks anything."""
    from api.http.times import parse_time

    try:
        if text is not None:
            parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{clean(text)[:80]!r} {error}") from error
    return text


PlanName = Annotated[
    str,
    typer.Argument(metavar="PLAN", autocompletion=complete_plan, help="The plan's id, or its exact name."),
]
PlanToRead = Annotated[
    str,
    typer.Argument(
        metavar="PLAN", autocompletion=complete_plan, help="The plan's id, its name, or the beginning of its name."
    ),
]
PlanOption = Annotated[
    str | None,
    typer.Option(
        "--plan",
        metavar="PLAN",
        autocompletion=complete_plan,
        help="Only those of this plan: its id, its name, or the beginning of its name.",
    ),
]
ExecutionId = Annotated[
    str,
    typer.Argument(
        metavar="EXECUTION",
        callback=_check_run,
        autocompletion=complete_run,
        help="The run: its id, the beginning of its id, `latest` (the newest drill or recovery), or `latest:PLAN`.",
    ),
]
WaveName = Annotated[
    str,
    typer.Argument(metavar="WAVE", callback=_check_id, autocompletion=complete_wave, help="The name of the wave."),
]
ActionName = Annotated[
    str,
    typer.Argument(
        metavar="ACTION", callback=_check_id, autocompletion=complete_action, help="The name of the action."
    ),
]
WaveOption = Annotated[
    str | None,
    typer.Option("--wave", metavar="WAVE", autocompletion=complete_wave, help="Only this wave."),
]
AsPdf = Annotated[
    bool,
    typer.Option("--pdf", help="Print the page as report.pdf too, with the Chromium, Chrome or Edge of this machine."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else on standard output.")]
OutputForm = Annotated[
    Output | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORM",
        help="table, json, jsonl (an item a line) or csv; --json is short for --output json.  [default: table]",
    ),
]


def choose_output(output: Output | None, as_json: bool) -> Output:
    """The form that `--output` or `--json` asks for. Raise BadParameter if they contradict each other."""
    if as_json and output not in (None, Output.JSON):
        raise typer.BadParameter("give --output or --json, not both")
    return Output.JSON if as_json else output or Output.TABLE


Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end, or only start it.")]
CleanUp = Annotated[
    bool,
    typer.Option("--cleanup", help="Terminate the drill's instances afterwards, whatever its result."),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="DIR",
        file_okay=False,
        help="Write report.html, report.json and servers.csv to this folder.",
    ),
]
Comment = Annotated[str | None, typer.Option("--comment", metavar="TEXT", help="The reason, for the record.")]
IdempotencyKey = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        callback=_check_key,
        help="Repeat a command whose answer was lost, with the key that it printed. Nothing is done twice.",
    ),
]
Interval = Annotated[
    float | None,
    typer.Option("--interval", metavar="SECONDS", min=0.2, max=600, help="Seconds between reads of the run."),
]
PointInTime = Annotated[
    str | None,
    typer.Option(
        "--point-in-time",
        metavar="TIME",
        callback=_check_time,
        help="Launch the newest snapshots of this moment, not the latest data: 2026-11-22T08:15:30Z.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Start a recovery without asking.")]
ActionsChoice = Annotated[
    Actions | None,
    typer.Option(
        "--actions",
        metavar="CHOICE",
        help="What a drill does with the actions of its plan: run, skip (leave them out), or verifyOnly (look whether "
        "each could run, and run none).  [default: run]",
    ),
]
ProfilesChoice = Annotated[
    Profiles | None,
    typer.Option(
        "--profiles",
        metavar="CHOICE",
        help="What the run does with the launch profiles of its groups: apply, or skip (servers are launched as their "
        "own launch settings say).  [default: apply; a continuation does as the run before]",
    ),
]
ReserveCapacity = Annotated[
    bool,
    typer.Option(
        "--reserve-capacity",
        help="Hold EC2 capacity for the waves to come, until the run ends. AWS charges for it like for instances.",
    ),
]
YesContinue = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: neither for a recovery nor for `latest`.")]
YesLatest = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether `latest` is the run that is meant.")]
ReplaceExisting = Annotated[
    bool,
    typer.Option(
        "--replace-existing",
        help="Also launch servers that have a recovery instance; DRS terminates that one. Asks you to type `replace` "
        "and the plan's name, also with --yes.",
    ),
]
ConfirmReplace = Annotated[
    str | None,
    typer.Option(
        "--confirm-replace", metavar="PLANNAME", help="With --replace-existing: the plan's name, instead of typing it."
    ),
]
