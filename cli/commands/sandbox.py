"""The commands of the group `sandbox`: up and drill. They need a checkout."""

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import checkout
from cli.commands.arguments import CommandGroup
from cli.terminal import INTERRUPTED, INVALID, console, end
from cli.text import format_duration
from recovery.free_text import flatten
from recovery.wording import plural

if TYPE_CHECKING:  # what these modules import takes long, so the commands import them
    from cli.sandbox_example import LoadedExample
    from cli.views.view import View
    from sandbox.drill import Drill
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
Example = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        show_default="examples/three-tier.yaml",
        help="A file with source servers, protection groups and a plan.",
    ),
]
# What a drill leaves behind.
DRILL_FOLDER, FIGURES_FILE = checkout.ROOT / "build" / "drill", "drill.json"


@app.command(epilog="Example: drs-waves sandbox drill --speed 120")
def drill(port: Port = None, drs_port: DrsPort = None, speed: Speed = 45.0, example: Example = None) -> None:
    """Run the example's drill in a sandbox of its own.

    It writes build/drill/drill.json and report.html.

    The exit status is 0 if every server was launched, and 1 if not.
    """
    with _running_sandbox(port, drs_port, speed) as sandbox:
        from sandbox import drill as drills

        loaded = _load(sandbox, example)
        _print_step(f"{plural(loaded.servers, 'source server')} and plan {loaded.plan_id} are loaded; the drill starts")
        with (view := _choose_view(sandbox)):
            finished = drills.run(sandbox, loaded.plan_id, view.show)
        drills.write_figures(finished.figures, DRILL_FOLDER / FIGURES_FILE)
        report = _write_report(sandbox, finished)
    _print_summary(finished, report)
    raise typer.Exit(0 if finished.succeeded else 1)


@app.command(epilog="Example: drs-waves sandbox up --port 5566 --drs-port 5567")
def up(port: Port = None, drs_port: DrsPort = None, speed: Speed = 60.0, example: Example = None) -> None:
    """Start the sandbox with the example, until Ctrl-C."""
    with _running_sandbox(port, drs_port, speed) as sandbox:
        console().print(_format_guide(sandbox, _load(sandbox, example)), markup=False)
        stopped = threading.Event()
        while not stopped.wait(1):
            sandbox.require_alive()


@contextmanager
def _running_sandbox(port: int | None, drs_port: int | None, speed: float) -> "Iterator[Sandbox]":
    """A running sandbox that other commands can find. Errors and Ctrl-C end it, and the command."""
    checkout.require_checkout("The sandbox")
    from sandbox.settings import SandboxError
    from sandbox.stack import Sandbox

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with (
            Sandbox(port=port, drs_port=drs_port, speed=speed, on_progress=_print_step) as sandbox,
            checkout.published_sandbox(sandbox.addresses()),
        ):
            yield sandbox
    except SandboxError as error:
        end(INVALID, str(error))
    except KeyboardInterrupt:
        console().print("stopped")
        raise typer.Exit(INTERRUPTED) from None


def _load(sandbox: "Sandbox", example: Path | None) -> "LoadedExample":
    from cli.sandbox_example import load_example

    return load_example(sandbox, example or checkout.ROOT / "examples" / "three-tier.yaml")


def _print_step(message: str) -> None:
    console().print(f"[dim]{message} ...[/dim]")


def _choose_view(sandbox: "Sandbox") -> "View":
    """A view that does not read the capacity, which would add to the DRS calls that the drill counts."""
    from cli.views.lines import LineView
    from cli.views.live import LiveView

    view = LiveView if console().is_terminal else LineView
    return view(console(), " --sandbox", sandbox.speed)


def _write_report(sandbox: "Sandbox", drill: "Drill") -> Path:
    from cli.api_client import ApiClient
    from cli.report import collect

    costs = {name: drill.figures[name] for name in ("drsCalls", "stateTransitions")}
    facts = collect.collect_facts(ApiClient.at(sandbox.addresses()), drill.record, costs, sandbox.speed)
    return collect.write_report(facts, DRILL_FOLDER).html


def _print_summary(drill: "Drill", report: Path) -> None:
    from rich.markup import escape

    figures, servers = drill.figures, drill.figures["servers"]
    colour = "green" if drill.succeeded else "red"
    time = f"{format_duration(figures['makespanSeconds'])} simulated"
    ideal = f"{figures['overheadRatio']} of the {format_duration(figures['idealSeconds'])} that DRS itself took"
    calls = ", ".join(f"{count} {name}" for name, count in figures["drsCalls"].items())
    console().print(f"[{colour}]{figures['status']}[/{colour}]  {escape(flatten(drill.record['reason'] or ''))}")
    console().print(f"  servers   {servers['launched']} of {servers['total']} launched, {servers['failed']} failed")
    console().print(f"  time      {time}, {ideal}")
    console().print(f"  DRS       {calls}")
    console().print(f"  Step Functions  {figures['stateTransitions']} state transitions")
    console().print(f"  figures   {(DRILL_FOLDER / FIGURES_FILE).relative_to(checkout.ROOT)}")
    console().print(f"  report    {report.relative_to(checkout.ROOT)}")


def _format_guide(sandbox: "Sandbox", loaded: "LoadedExample") -> str:
    aws = f"aws --endpoint-url {sandbox.engine_url}"
    drs = f"aws --endpoint-url {sandbox.drs_url} drs"
    arn = sandbox.outputs["RecoverPlanArn"]
    event = {
        "httpMethod": "POST",
        "path": f"/recovery-plans/{loaded.plan_id}/drills",
        "requestContext": {"requestId": "by-hand", "identity": {"sourceIp": "127.0.0.1"}},
    }
    return f"""
The sandbox runs at {sandbox.speed:g} times speed; Ctrl-C stops it. In another terminal:

  . .venv/bin/activate
  . {checkout.SANDBOX_VARIABLES.relative_to(checkout.ROOT)}

Start a drill of the plan, watch it, and clean up after it:

  drs-waves run {loaded.plan_id} --sandbox --cleanup --report build/report

Start a drill through the function behind the HTTP API:

  {aws} lambda invoke --function-name {sandbox.resources["ApiFunction"]} \\
    --payload '{json.dumps(event)}' build/reply.json; cat build/reply.json

Change the plan in its file, compare the file with the API, and apply it:

  drs-waves plan diff --sandbox examples/three-tier.yaml
  drs-waves plan apply --sandbox examples/three-tier.yaml

See what Step Functions runs, and how far it is:

  {aws} stepfunctions list-executions --state-machine-arn {arn}
  {aws} stepfunctions get-execution-history --execution-arn EXECUTION_ARN --output text \\
    --query 'events[].[timestamp,type,stateEnteredEventDetails.name]'

See what DRS does, and the instances it launched:

  {drs} describe-jobs --filters '{{}}' --output text --query 'items[].[jobID,status,initiatedBy]'
  {aws} ec2 describe-instances --output text \\
    --query 'Reservations[].Instances[].[InstanceId,State.Name,PrivateIpAddress,Tags[?Key==`Name`]|[0].Value]'
"""
