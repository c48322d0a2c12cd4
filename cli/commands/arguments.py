"""Arguments and options that several commands share, and how each command reads its own."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand

from recovery.free_text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

_EMPTY = "is empty. Leave it out, or give it a value; an unset variable of the shell reads like this."


class _Command(TyperCommand):
    """A command that refuses an empty text, which would otherwise mean the same as a text that is left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raise BadParameter, which names the option or argument."""
        if not ctx.resilient_parsing:
            given, *_ = self.make_parser(ctx).parse_args(args=list(args))
            for parameter in self.get_params(ctx):
                value = given.get(parameter.name)
                values = value if isinstance(value, list) else [value]  # an option that can be repeated has a list
                if any(isinstance(each, str) and not each.strip() for each in values):
                    raise typer.BadParameter(_EMPTY, ctx=ctx, param=cast(Any, parameter))
        return super().parse_args(ctx, args)


class CommandGroup(typer.Typer):
    """A group whose commands refuse an empty text."""

    def command(self, name: str | None = None, **options: Any) -> "Callable[[Any], Any]":
        """Register a command."""
        return super().command(name, **{"cls": _Command, **options})


def _check_id(text: str) -> str:
    """An id becomes part of an API path, so it must not contain what leads to another path."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", text):
        raise typer.BadParameter(f"{clean(text)[:80]!r} is not a valid id")
    return text


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


PlanName = Annotated[str, typer.Argument(metavar="PLAN", help="The plan's id, or its exact name.")]
ExecutionId = Annotated[str, typer.Argument(metavar="EXECUTION", help="The id of the run.", callback=_check_id)]
WaveName = Annotated[str, typer.Argument(metavar="WAVE", help="The name of the wave.", callback=_check_id)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else on standard output.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its end, or only start it.")]
CleanUp = Annotated[
    bool,
    typer.Option("--cleanup", help="Terminate the drill's instances afterwards, whatever its result."),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option("--report", file_okay=False, help="Write report.html, report.json and servers.csv to this folder."),
]
Comment = Annotated[str | None, typer.Option("--comment", help="The reason, for the record.")]
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
    float | None, typer.Option("--interval", min=0.2, max=600, help="Seconds between reads of the run.")
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
