"""What `make sandbox` and `make drill` print: commands for the plan and the file that were loaded."""

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.trial.guide import describe_speed, format_end, format_guide
from cli.trial.loading import LoadedPlan


def test_the_guide_names_the_plan_and_the_file_in_commands_that_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = LoadedPlan(tmp_path / "my plans" / "pay.yaml", "rp-1", "pay roll", {("1", "r", "h"): "s-1"})
    guide = format_guide(loaded, 60.0, tmp_path / "messages.log")
    lines = [line.strip() for line in guide.splitlines() if line.startswith("  drs-waves ")]
    commands = [shlex.split(line, comments=True)[1:] for line in lines]
    assert ["run", "pay roll", "--cleanup"] in commands
    assert ["plan", "diff", "my plans/pay.yaml"] in commands
    for words in commands:
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0, words
    assert "1 source server." in guide
    assert "three-tier" not in guide
    assert len(guide.splitlines()) < 20


def test_a_drill_of_ones_own_plan_ends_with_its_file(tmp_path: Path) -> None:
    assert f"make sandbox PLAN={tmp_path / 'pay.yaml'}" in format_end(tmp_path / "pay.yaml")
    assert "plan init" in format_end(None)


@pytest.mark.parametrize(
    ("speed", "says"), [(60, "a minute"), (45, "80 seconds"), (600, "6 seconds"), (1, "60 minutes")]
)
def test_the_speed_is_told_as_what_an_hour_takes(speed: float, says: str) -> None:
    assert f"An hour takes {says} here" in describe_speed(speed)
