"""What the sandbox tells those who started it: commands that run as printed, in the folder that it was started in."""

import os
import shlex
from pathlib import Path

from cli import checkout
from cli.trial.loading import LoadedPlan
from recovery.free_text import flatten
from recovery.wording import plural

_OF_THE_DEMONSTRATION = """
Open the report in a browser: it has the times against the targets, the outage, the failed launch and the approval.
Next:

  make sandbox                                 # keep the sandbox running; docs/quickstart.md leads through it
  drs-waves plan init my-plan.yaml             # write a plan of your own application
  make drill PLAN=my-plan.yaml                 # drill it here, with servers made up from its groups
"""


def format_end(plan_file: Path | None) -> str:
    """What to do after a drill: of the demonstration, or of the user's own file."""
    command = checkout.drs_waves()
    if plan_file is None:
        words = "plan init my-plan.yaml"
        blanks = " " * (len(command) - len("drs-waves"))  # so that the comments stay below each other
        return _OF_THE_DEMONSTRATION.replace(f"drs-waves {words}{blanks}", f"{command} {words}")
    file = shlex.quote(_from_here(plan_file))
    return f"""
Open the report in a browser. The servers and the times of DRS jobs are those of emulators.
Next:

  make sandbox PLAN={file}   # keep the sandbox running with your plan

On AWS, `{command} plan apply` takes the same file; docs/deploy.md leads there.
"""


def format_guide(loaded: LoadedPlan, speed: float, message_log: Path, console: str | None = None) -> str:
    """What to do first in a sandbox that runs; docs/sandbox.md has the rest. `console` is the address to open."""
    plan, file = shlex.quote(loaded.name), shlex.quote(_from_here(loaded.path))
    activate = shlex.quote(_from_here(checkout.ROOT / ".venv" / "bin" / "activate"))
    commands = (
        (f"drs-waves readiness {plan}", "can DRS launch every server? Launches nothing"),
        (f"drs-waves run {plan} --cleanup", "a drill, whose instances are terminated at its end"),
        ("drs-waves messages --follow", "the messages that operators get"),
        (f"drs-waves plan diff {file}", "what you changed in the file; `plan apply` applies it"),
    )
    width = max(len(command) for command, _ in commands)
    lines = "\n".join(f"  {command:<{width}}  # {purpose}" for command, purpose in commands)
    pages = f"\nOpen the console in a browser:\n\n  {console}\n" if console else ""
    return f"""
The sandbox runs, with plan {flatten(loaded.name)} of {flatten(_from_here(loaded.path))} and \
{plural(len(loaded.server_ids), "source server")}.
{describe_speed(speed)} Ctrl-C stops it.
{pages}
In another terminal, in this folder:

  . {activate}
{lines}

Messages to operators are also in {flatten(_from_here(message_log))}.
docs/quickstart.md leads through a drill. docs/sandbox.md shows how to see Step
Functions and DRS at work, and how to break something.
"""


def _from_here(path: Path) -> str:
    """The path from the folder of the process, where that is shorter."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def describe_speed(speed: float) -> str:
    """How long an hour of the sandbox takes."""
    seconds = 3600 / speed
    took = "a minute" if seconds == 60 else f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.3g} minutes"
    return f"An hour takes {took} here, and all times shown are simulated."
