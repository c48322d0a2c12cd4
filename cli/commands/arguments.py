"""Arguments and options that several commands share."""

import re
from pathlib import Path
from typing import Annotated

import typer

from cli.text import clean


def _check_id(text: str) -> str:
    """An id becomes part of an API path, so it must not contain what leads to another path."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}", text):
        raise typer.BadParameter(f"{clean(text)[:80]!r} is not a valid id")
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
    Path | None, typer.Option("--report", file_okay=False, help="Write report.html and report.json to this folder.")
]
Comment = Annotated[str, typer.Option("--comment", help="The reason, for the record.")]
Interval = Annotated[
    float | None, typer.Option("--interval", min=0.2, max=600, help="Seconds between reads of the run.")
]
