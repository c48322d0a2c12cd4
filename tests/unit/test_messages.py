"""`drs-waves messages`: the log of a sandbox that runs, or where messages go on AWS."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import checkout
from cli.main import app


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a sandbox that runs."""
    monkeypatch.setattr(checkout, "SANDBOX_FILE", tmp_path / "sandbox.json")
    (tmp_path / "sandbox.json").write_text(json.dumps({"messageLog": str(tmp_path / "messages.log")}))
    (tmp_path / "messages.log").touch()
    return tmp_path / "messages.log"


def test_the_messages_of_the_sandbox_are_printed(log: Path) -> None:
    assert "no messages yet" in CliRunner().invoke(app, ["messages", "--sandbox"]).output
    log.write_text("2026-11-28 03:02 UTC  started\n  Wave: \x1b[31mweb\n")
    shown = CliRunner().invoke(app, ["messages", "--sandbox"])
    assert shown.exit_code == 0
    assert shown.output.startswith("2026-11-28 03:02 UTC  started\n")
    assert "\x1b" not in shown.output


def test_following_ends_with_the_sandbox(log: Path) -> None:
    log.write_text("the last message\n")
    checkout.SANDBOX_FILE.rename(log.with_name("gone"))  # the sandbox stops between two reads
    from cli.commands.messages import _read_parts

    with log.open() as text:
        assert list(_read_parts(text, log, follow=True)) == ["the last message\n"]


def test_without_a_sandbox_it_says_how_to_start_one(log: Path) -> None:
    log.unlink()
    refused = CliRunner().invoke(app, ["messages", "--sandbox"])
    assert (refused.exit_code, "make sandbox" in refused.output) == (1, True)
    checkout.SANDBOX_FILE.unlink()
    refused = CliRunner().invoke(app, ["messages", "--sandbox"])
    assert (refused.exit_code, "make sandbox" in refused.output) == (1, True)


def test_on_aws_it_says_where_messages_go() -> None:
    shown = CliRunner().invoke(
        app, ["messages", "--stack", "shop", "--region", "eu-west-1", "--profile", "night watch"]
    )
    assert shown.exit_code == 0
    lines = [line.strip() for line in shown.output.splitlines() if line.startswith("  ")]
    assert len(lines) == 3
    assert "--stack-name shop" in lines[0]
    assert all("--region eu-west-1" in line and "--profile 'night watch'" in line for line in lines)
