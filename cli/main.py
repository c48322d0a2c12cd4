"""The command `drs-waves`: runs at the top level, and groups for plans, the sandbox and tables."""

import signal
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from cli.commands import (
    contexts,
    decisions,
    listings,
    messages,
    plan_init,
    plans,
    profiles,
    records,
    runs,
    tables,
)
from cli.commands.arguments import LightGroup
from cli.commands.drills import compliance, drill_findings, evidence, history, schedule, verdicts
from cli.commands.local import console, sandbox
from cli.terminal import encode_safely
from cli.text import COMMAND

app = typer.Typer(
    cls=LightGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: drs-waves run three-tier --sandbox --cleanup --report build/report",
)
for commands in (runs, records, decisions, verdicts, listings, compliance, messages, console):
    app.add_typer(commands.app)
plans.app.add_typer(plan_init.app)
app.add_typer(plans.app, name="plan")
app.add_typer(profiles.app, name="profiles")
app.add_typer(evidence.app, name="evidence")
app.add_typer(history.app, name="history")
app.add_typer(schedule.app, name="schedule")
app.add_typer(drill_findings.app, name="drill-findings")
app.add_typer(contexts.app, name="context")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(tables.app, name="tables")


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from recovery import VERSION

        typer.echo(f"{COMMAND} {VERSION}")
        raise typer.Exit


@app.callback()
def drs_waves(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Start drills and recoveries, watch them, answer their requests for decisions, clean up and report.

    Exit status: 0 if the run succeeded (COMPLETED, READY) or the command did its work; 1 if the run failed
    completely or in part, or was cancelled, or the API cannot be reached, or the credentials have expired; 2 for an
    invalid command or file; 3 for a refusal (NOT_READY, not found, not in this state, or not confirmed); 130 after
    Ctrl-C, SIGTERM or SIGHUP, which do not stop the run.
    """


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C: the command says what goes on without it."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command with these arguments, or with those of the process."""
    # A shell that starts the command in the background makes it ignore SIGINT. Honour it anyway.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` ignores SIGHUP
            signal.signal(number, _interrupt)
    encode_safely()
    app(arguments, prog_name=COMMAND)
