"""The commands of the group `sandbox`: up and drill. They need a checkout."""

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import checkout
from cli.commands.arguments import CommandGroup
from cli.commands.local.console import DEFAULT_PORT, PORT_VARIABLE, describe_deployment
from cli.connection import Connection
from cli.session import Session
from cli.terminal import INTERRUPTED, INVALID, console, end
from cli.text import format_run_time
from recovery.free_text import flatten
from recovery.wording import plural
from report.words import format_duration

if TYPE_CHECKING:  # what these modules import takes long, so the commands import them
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from cli.report.write import Written
    from cli.trial.loading import LoadedPlan
    from cli.views.view import View
    from sandbox.drill import Drill
    from sandbox.inbox import Inbox
    from sandbox.settings import PortTaken
    from sandbox.stack import Sandbox

app = CommandGroup(no_args_is_help=True, help="drs-waves on this machine, with emulators of AWS and DRS.")

Port = Annotated[
    int | None,
    typer.Option(
        min=1, max=65535, envvar="DRS_WAVES_PORT", show_default="4566", help="The port of the local AWS, on 127.0.0.1."
    ),
]
DrsPort = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=65535,
        envvar="DRS_WAVES_DRS_PORT",
        show_default="4567",
        help="The port of the DRS emulator, on 127.0.0.1.",
    ),
]
Speed = Annotated[
    float, typer.Option(min=1, max=600, envvar="DRS_WAVES_SPEED", help="Simulated seconds for each real second.")
]
PlanFile = Annotated[
    Path | None,
    typer.Option(
        "--plan",
        "--example",
        exists=True,
        dir_okay=False,
        show_default=False,
        help="A plan file of your own. Source servers that it does not describe are made up from its groups.",
    ),
]
ConsolePort = Annotated[
    int,
    typer.Option(
        min=0,
        max=65535,
        envvar=PORT_VARIABLE,
        help="The port of the console, on 127.0.0.1; any free one if it is taken.",
    ),
]
NoConsole = Annotated[bool, typer.Option("--no-console", help="Serve no pages.")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", help="Only run the drill, from which figures are taken: no faults, no answers, no explanations."
    ),
]
# What a drill leaves behind.
DRILL_FOLDER, FIGURES_FILE, MESSAGES_FILE = checkout.ROOT / "build" / "drill", "drill.json", "messages.log"
EXAMPLES = checkout.ROOT / "examples"


@app.command(epilog="Example: drs-waves sandbox drill --plan shop.yaml")
def drill(
    port: Port = None, drs_port: DrsPort = None, speed: Speed = 45.0, plan: PlanFile = None, quiet: Quiet = False
) -> None:
    """Run a drill in a sandbox of its own.

    It is a demonstration: a server fails, a Region is away for ten minutes, a wave waits for an approval, and a line
    explains each. With --plan it is a drill of your own plan without faults, in which approvals are given. With --quiet
    it is a drill of examples/three-tier.yaml, or of your plan, in which nothing is done to the run. Its report and
    figures are in build/drill.

    The exit status is 0 if every server was launched, and 1 if not.
    """
    path = plan or EXAMPLES / ("three-tier.yaml" if quiet else "demonstration.yaml")
    with _running_sandbox(port, drs_port, speed, path) as sandbox:
        from cli.trial.guide import describe_speed, format_end
        from sandbox import drill as drills
        from sandbox.inbox import Inbox

        (DRILL_FOLDER / MESSAGES_FILE).unlink(missing_ok=True)
        loaded = _load(sandbox, path)
        console().print(describe_speed(speed))
        with (view := _choose_view(sandbox)):
            if quiet:
                finished = drills.run(sandbox, loaded.plan_id, view.show)
                figures = finished.figures
            else:
                inbox = Inbox(sandbox, DRILL_FOLDER / MESSAGES_FILE)
                follow = _follow_with_acts(sandbox, loaded, view, inbox, has_faults=plan is None)
                finished = drills.run(sandbox, loaded.plan_id, follow)
                figures = drills.mark_demonstration(finished.figures)
        drills.write_figures(figures, DRILL_FOLDER / FIGURES_FILE)
        report = _write_report(sandbox, finished)
    _print_summary(finished, figures, report)
    if not quiet:
        console().print(format_end(plan), markup=False)
    raise typer.Exit(0 if finished.succeeded else 1)


@app.command(epilog="Example: drs-waves sandbox up --port 5566 --drs-port 5567")
def up(
    port: Port = None,
    drs_port: DrsPort = None,
    speed: Speed = 60.0,
    plan: PlanFile = None,
    console_port: ConsolePort = DEFAULT_PORT,
    no_console: NoConsole = False,
) -> None:
    """Start the sandbox with a plan and its console, until Ctrl-C.

    The plan is examples/three-tier.yaml, or your own. The console is that of `drs-waves console`.
    """
    path = plan or EXAMPLES / "three-tier.yaml"
    with _running_sandbox(port, drs_port, speed, path) as sandbox:
        from cli.trial.guide import format_guide
        from sandbox.inbox import Inbox

        inbox = Inbox(sandbox, Path(sandbox.addresses()["messageLog"]))
        loaded = _load(sandbox, path)
        with nullcontext(None) if no_console else _serve_console(console_port) as address:
            console().print(format_guide(loaded, sandbox.speed, inbox.log, address), markup=False)
            stopped = threading.Event()
            while not stopped.wait(1):
                sandbox.require_alive()
                inbox.collect()


def _serve_console(port: int) -> "AbstractContextManager[str]":
    """The console of the sandbox that this process has published, beside it. Its value is the address to open."""
    from console.serving import serving_beside

    return serving_beside(describe_deployment(Session.open(Connection(sandbox=True))), port)


@contextmanager
def _running_sandbox(port: int | None, drs_port: int | None, speed: float, plan: Path) -> "Iterator[Sandbox]":
    """A running sandbox that other commands can find. Errors and Ctrl-C end it, and the command.

    A mistake in the plan file ends it before anything starts.
    """
    checkout.require_checkout("The sandbox")
    from cli.trial.loading import read_loadable
    from sandbox.settings import PortTaken, SandboxError
    from sandbox.stack import Sandbox

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        read_loadable(plan)
        with (
            Sandbox(port=port, drs_port=drs_port, speed=speed, on_progress=_print_step) as sandbox,
            checkout.published_sandbox(sandbox.addresses()),
        ):
            yield sandbox
    except PortTaken as error:
        end(INVALID, _explain_port(error))
    except SandboxError as error:
        end(INVALID, str(error))
    except KeyboardInterrupt:
        console().print("stopped")
        raise typer.Exit(INTERRUPTED) from None


def _explain_port(error: "PortTaken") -> str:
    """Whose port it is, if it is that of the sandbox that runs from this checkout."""
    if not checkout.is_sandbox_running() or not checkout.is_sandbox_port(error.number):
        return str(error)
    return (
        f"Port {error.number} is that of the sandbox that runs from this checkout. "
        "Stop it with Ctrl-C in its terminal, or choose other ports: DRS_WAVES_PORT=4576 DRS_WAVES_DRS_PORT=4577"
    )


def _load(sandbox: "Sandbox", path: Path) -> "LoadedPlan":
    from cli.trial.loading import load_plan

    loaded = load_plan(sandbox, path)
    if loaded.notes:
        console().print(f"{flatten(path)} describes no source servers, so they are made up:", markup=False)
    for note in loaded.notes:
        console().print(f"  {note}", markup=False)
    _print_step(f"{plural(len(loaded.server_ids), 'source server')} and plan {flatten(loaded.name)} are loaded")
    return loaded


def _print_step(message: str) -> None:
    console().print(f"[dim]{message} ...[/dim]")


def _choose_view(sandbox: "Sandbox") -> "View":
    """A view that does not read the capacity, which would add to the DRS calls that the drill counts."""
    from cli.views.lines import LineView
    from cli.views.live import LiveView

    view = LiveView if console().is_terminal else LineView
    return view(console(), " --sandbox", sandbox.speed)


def _write_report(sandbox: "Sandbox", drill: "Drill") -> "Written":
    from cli.api_client import ApiClient
    from cli.report.write import write_report
    from recovery.clock import iso
    from report.collect import collect_facts

    costs = {name: drill.figures[name] for name in ("drsCalls", "stateTransitions")}
    api, made_at = ApiClient.at(sandbox.addresses()), iso(sandbox.now())
    facts = collect_facts(api, drill.record, costs, sandbox.speed, is_sandbox=True, made_at=made_at)
    return write_report(facts, DRILL_FOLDER)


def _follow_with_acts(
    sandbox: "Sandbox", loaded: "LoadedPlan", view: "View", inbox: "Inbox", *, has_faults: bool
) -> "Callable[[Mapping[str, Any]], None]":
    """What shows each record of a run, plays the acts that are due, and collects messages."""
    from sandbox.demonstration import FAULTS, Demonstration, Stage, mark_questions, prepare

    stage = Stage(sandbox, loaded.server_ids)
    if has_faults:
        prepare(stage)
    demonstration = Demonstration(stage, FAULTS if has_faults else (), view.notice)

    def follow(record: "Mapping[str, Any]") -> None:
        view.show(mark_questions(record))
        demonstration.follow(record)
        inbox.collect()

    return follow


def _print_summary(drill: "Drill", figures: "Mapping[str, Any]", report: "Written") -> None:
    from rich.markup import escape

    servers = figures["servers"]
    colour = "green" if drill.succeeded else "red"
    time = f"{format_run_time(drill.record)}, simulated"
    if figures["overheadRatio"]:
        time += f", {figures['overheadRatio']} of the {format_duration(figures['idealSeconds'])} that DRS itself took"
    calls = ", ".join(f"{count} {name}" for name, count in figures["drsCalls"].items())
    console().print(f"[{colour}]{figures['status']}[/{colour}]  {escape(flatten(drill.record['reason'] or ''))}")
    console().print(f"  servers   {servers['launched']} of {servers['total']} launched, {servers['failed']} failed")
    console().print(f"  time      {time}")
    if data := _describe_data(report.json):
        console().print(f"  data      {data}")
    console().print(f"  DRS       {calls}")
    console().print(f"  Step Functions  {figures['stateTransitions']} state transitions")
    console().print(f"  figures   {(DRILL_FOLDER / FIGURES_FILE).relative_to(checkout.ROOT)}")
    if (DRILL_FOLDER / MESSAGES_FILE).exists():
        console().print(f"  messages  {(DRILL_FOLDER / MESSAGES_FILE).relative_to(checkout.ROOT)}")
    console().print(f"  report    {report.html.relative_to(checkout.ROOT)}")
    console().print(f"            {report.json.relative_to(checkout.ROOT)}, SHA-256 {report.json_sha256}")


def _describe_data(report: Path) -> str:
    """How old the launched data were, if the plan has a target for them; nothing otherwise."""
    rpo = json.loads(report.read_text())["rpo"]
    if not rpo["targetMinutes"] or rpo["worstSeconds"] is None:
        return ""
    age, target = format_duration(rpo["worstSeconds"]), format_duration(rpo["targetMinutes"] * 60)
    return f"at most {age} old at the request, of {target} RPO"
