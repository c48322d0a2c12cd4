"""Run drs-waves on this machine: `up` keeps it running, `drill` runs the example drill and stops."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sandbox import drill as drills  # noqa: E402  # the root has to be on the path first
from sandbox import world  # noqa: E402
from sandbox.stack import DEFAULT_DRS_PORT, DEFAULT_PORT, HUB_ACCOUNT, REGION, Sandbox, SandboxError  # noqa: E402
from scripts import gather, view  # noqa: E402
from scripts.client import SANDBOX_FILE, Api  # noqa: E402

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
console = Console(highlight=False)

Port = Annotated[
    int, typer.Option(min=1, max=65535, envvar="DRS_WAVES_PORT", help="Port of the local AWS, on 127.0.0.1.")
]
DrsPort = Annotated[
    int, typer.Option(min=1, max=65535, envvar="DRS_WAVES_DRS_PORT", help="Port of the DRS emulator, on 127.0.0.1.")
]
Speed = Annotated[
    float, typer.Option(min=1, max=600, envvar="DRS_WAVES_SPEED", help="Simulated seconds to a real one.")
]
Example = Annotated[
    Path, typer.Option(exists=True, dir_okay=False, help="File with source servers, protection groups and a plan.")
]
THREE_TIER = ROOT / "examples" / "three-tier.yaml"
# What a drill leaves behind.
FOLDER, FIGURES = ROOT / "build" / "drill", "drill.json"


def _say(message: str) -> None:
    console.print(f"[dim]{message} ...[/dim]")


@app.command()
def drill(
    port: Port = DEFAULT_PORT, drs_port: DrsPort = DEFAULT_DRS_PORT, speed: Speed = 60.0, example: Example = THREE_TIER
) -> None:
    """Run the example drill from start to end, write build/drill/drill.json and report.html, and stop
    everything again.

    Exit status 0 when every server was launched, 1 when not.

    Example: python scripts/sandbox.py drill --speed 120
    """
    with _sandbox(port, drs_port, speed) as sandbox:
        loaded = world.load(sandbox, example)
        _say(f"{loaded.servers} source servers and plan {loaded.plan_id} are loaded; the drill starts")
        with (screen := _screen(sandbox)):
            finished = drills.run(sandbox, loaded.plan_id, screen.show)
        drills.write(finished.figures, FOLDER / FIGURES)
        report = _report(sandbox, finished)
    _summary(finished, report)
    raise typer.Exit(0 if finished.succeeded else 1)


def _screen(sandbox: Sandbox) -> view.Screen:
    """As scripts/drill.py shows a run; capacity is not asked for, lest the drill's count of DRS calls grow by it."""
    if console.is_terminal:
        return view.LiveScreen(console, " --sandbox", sandbox.speed)
    return view.PlainScreen(console, " --sandbox", sandbox.speed)


def _report(sandbox: Sandbox, finished: drills.Drill) -> Path:
    costs = {name: finished.figures[name] for name in ("drsCalls", "stateTransitions")}
    api = Api.at(sandbox.addresses())
    return gather.write(gather.facts(api, finished.record, costs, sandbox.speed), FOLDER)


def _summary(finished: drills.Drill, report: Path) -> None:
    figures, servers = finished.figures, finished.figures["servers"]
    colour = "green" if finished.succeeded else "red"
    console.print(f"[{colour}]{figures['status']}[/{colour}]  {finished.record['reason']}")
    console.print(f"  servers   {servers['launched']} of {servers['total']} launched, {servers['failed']} failed")
    console.print(
        f"  time      {view.duration(figures['makespanSeconds'])} simulated, {figures['overheadRatio']} of the "
        f"{view.duration(figures['idealSeconds'])} that DRS itself took"
    )
    calls = ", ".join(f"{count} {name}" for name, count in figures["drsCalls"].items())
    console.print(f"  DRS       {calls}", soft_wrap=True)
    console.print(f"  Step Functions  {figures['stateTransitions']} state transitions")
    console.print(f"  figures   {(FOLDER / FIGURES).relative_to(ROOT)}")
    console.print(f"  report    {report.relative_to(ROOT)}")


@app.command()
def up(
    port: Port = DEFAULT_PORT, drs_port: DrsPort = DEFAULT_DRS_PORT, speed: Speed = 60.0, example: Example = THREE_TIER
) -> None:
    """Start the sandbox with the example loaded, and keep it running until Ctrl-C.

    Example: python scripts/sandbox.py up --port 5566 --drs-port 5567
    """
    with _sandbox(port, drs_port, speed) as sandbox:
        loaded = world.load(sandbox, example)
        console.print(_guide(sandbox, loaded), soft_wrap=True, markup=False)
        stopped = threading.Event()
        while not stopped.wait(1):
            sandbox.require_alive()


def _guide(sandbox: Sandbox, loaded: world.World) -> str:
    aws = f".venv/bin/aws --endpoint-url {sandbox.engine_url}"
    drs = f".venv/bin/aws --endpoint-url {sandbox.drs_url} drs"
    arn = sandbox.outputs["RecoverPlanArn"]
    event = {
        "httpMethod": "POST",
        "path": f"/recovery-plans/{loaded.plan_id}/drills",
        "requestContext": {"requestId": "by-hand", "identity": {"sourceIp": "127.0.0.1"}},
    }
    return f"""
The sandbox runs at {sandbox.speed:g} times speed; Ctrl-C stops it. In another terminal:

  export AWS_ACCESS_KEY_ID={HUB_ACCOUNT} AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION={REGION}

Start a drill of the plan, watch it, and clean up after it:

  .venv/bin/python scripts/drill.py run {loaded.plan_id} --sandbox --cleanup --report build/report

The same through the function behind the HTTP API:

  {aws} lambda invoke --function-name {sandbox.resources["ApiFunction"]} \\
    --payload '{json.dumps(event)}' build/reply.json; cat build/reply.json

Ask the API, or change the plan in the file and apply it:

  .venv/bin/python scripts/plan.py diff --sandbox examples/three-tier.yaml
  .venv/bin/python scripts/plan.py apply --sandbox examples/three-tier.yaml

See what Step Functions runs, and how far it is:

  {aws} stepfunctions list-executions --state-machine-arn {arn}
  {aws} stepfunctions get-execution-history --execution-arn EXECUTION_ARN --output text \\
    --query 'events[].[timestamp,type,stateEnteredEventDetails.name]'

See what DRS does, and the instances it launched:

  {drs} describe-jobs --filters '{{}}' --output text --query 'items[].[jobID,status,initiatedBy]'
  {aws} ec2 describe-instances --output text \\
    --query 'Reservations[].Instances[].[InstanceId,State.Name,PrivateIpAddress,Tags[?Key==`Name`]|[0].Value]'
"""


@contextmanager
def _sandbox(port: int, drs_port: int, speed: float) -> Iterator[Sandbox]:
    """A running sandbox; Ctrl-C ends it and the command, with the status shells give that."""
    try:
        with (
            Sandbox(port=port, drs_port=drs_port, speed=speed, on_progress=_say) as sandbox,
            _known_to_others(sandbox),
        ):
            yield sandbox
    except KeyboardInterrupt:
        console.print("stopped")
        raise typer.Exit(130) from None


@contextmanager
def _known_to_others(sandbox: Sandbox) -> Iterator[None]:
    """Other commands find the sandbox by a file while it runs; of two, the one that started last."""
    draft = SANDBOX_FILE.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(sandbox.addresses(), indent=2) + "\n")
    draft.replace(SANDBOX_FILE)
    try:
        yield
    finally:
        if SANDBOX_FILE.exists() and json.loads(SANDBOX_FILE.read_text())["pid"] == os.getpid():
            SANDBOX_FILE.unlink()


def main() -> None:
    """Run the command; an error of the sandbox is a message, not a stack trace, and exit status 2."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell that starts us in the background has SIGINT ignored; whoever sends one means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except SandboxError as error:
        console.print(f"[red]{error}[/red]", soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
