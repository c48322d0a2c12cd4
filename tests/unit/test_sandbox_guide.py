"""What `make sandbox` and `make drill` print: commands for the plan and the file that were loaded."""

import json
import shlex
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import checkout
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


def test_the_guide_begins_with_the_address_of_the_console_if_there_is_one(tmp_path: Path) -> None:
    loaded = LoadedPlan(tmp_path / "pay.yaml", "rp-1", "pay roll", {})
    address = "http://127.0.0.1:8765/enter?key=made-up"
    guide = format_guide(loaded, 60.0, tmp_path / "messages.log", address)
    assert guide.index(f"\n  {address}\n") < guide.index("  drs-waves ")
    assert "browser" not in format_guide(loaded, 60.0, tmp_path / "messages.log")


def test_a_drill_of_ones_own_plan_ends_with_its_file(tmp_path: Path) -> None:
    assert f"make sandbox PLAN={tmp_path / 'pay.yaml'}" in format_end(tmp_path / "pay.yaml")
    assert "plan init" in format_end(None)


def test_commands_are_printed_as_the_shell_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / ".venv" / "bin" / "drs-waves"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    assert "  .venv/bin/drs-waves plan init my-plan.yaml " in format_end(None)
    assert "`.venv/bin/drs-waves plan apply`" in format_end(tmp_path / "pay.yaml")
    monkeypatch.setenv("PATH", str(command.parent))
    assert "  drs-waves plan init my-plan.yaml " in format_end(None)


def test_a_mistake_in_the_file_is_said_before_a_port_and_the_port_of_the_own_sandbox_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "SANDBOX_FILE", tmp_path / "sandbox.json")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        drill = ["sandbox", "drill", "--port", str(port), "--drs-port", "1024"]
        stranger = CliRunner().invoke(app, drill)
        assert (stranger.exit_code, f"Port {port}, for the local AWS, cannot be used" in stranger.output) == (2, True)
        url = f"http://127.0.0.1:{port}"
        checkout.SANDBOX_FILE.write_text(json.dumps({"apiUrl": url, "engineUrl": url, "drsUrl": url}))
        own = CliRunner().invoke(app, drill)
        assert own.exit_code == 2
        assert f"Port {port} is that of the sandbox that runs from this checkout. Stop it with Ctrl-C" in own.output
        assert "DRS_WAVES_PORT=" in own.output
        (tmp_path / "plan.yaml").write_text("recoveryPlan: 7\n")
        wrong = CliRunner().invoke(app, [*drill, "--plan", str(tmp_path / "plan.yaml")])
        assert (wrong.exit_code, "Port" in wrong.output) == (2, False)
        assert "plan.yaml:1: recoveryPlan: must be a mapping" in wrong.output


@pytest.mark.parametrize(
    ("speed", "says"), [(60, "a minute"), (45, "80 seconds"), (600, "6 seconds"), (1, "60 minutes")]
)
def test_the_speed_is_told_as_what_an_hour_takes(speed: float, says: str) -> None:
    assert f"An hour takes {says} here" in describe_speed(speed)
