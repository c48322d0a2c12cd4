"""What documents name is there: commands, also in messages to operators; targets of make; and every module is named."""

import re
from pathlib import Path

import pytest
import typer

from scripts import drill, plan, sandbox

ROOT = Path(__file__).resolve().parents[2]
PLACES = [
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "README.md",
    ROOT / "lambdas/recovery/observability/operator_messages.py",
]
APPS = {"drill": drill.app, "plan": plan.app, "sandbox": sandbox.app}
# `{COMMAND} watch {run…}` in messages.py is `python scripts/drill.py watch …`.
MENTION = re.compile(r"(?:scripts/(drill|plan|sandbox)\.py|\{COMMAND\}) ([a-z]+)")


def commands(app: typer.Typer) -> set[str]:
    return {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_command_that_is_written_down_is_one(place: Path) -> None:
    for script, command in MENTION.findall(place.read_text()):
        assert command in commands(APPS[script or "drill"]), f"{place.name}: {script or 'drill'}.py {command}"


def test_every_module_has_its_place_in_the_rooms() -> None:
    rooms = (ROOT / "docs" / "architecture.md").read_text().split("## The rooms")[1].split("```")[1]
    named = set(re.findall(r"\w+", rooms))
    for module in (ROOT / "lambdas" / "recovery").glob("[a-z]*.py"):
        assert module.stem in named, module.stem


def test_every_make_target_that_is_written_down_is_one() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for place in PLACES[:-1]:
        for target in re.findall(r"`make ([a-z0-9-]+)", place.read_text()):
            assert target in targets, f"{place.name}: make {target}"
