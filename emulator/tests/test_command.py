"""The command `drs-emulator` as a process."""

import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from emulator_support.process import COMMAND, started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal(number: signal.Signals) -> None:
    with started("--speed", "600", "--origin", "1800000000") as process:
        clock = process.control("GET", "health")["clock"]
        assert (clock["speed"], clock["origin"]) == (600, 1800000000)
        process.send_signal(number)
        assert process.wait(timeout=5) == 0


def test_a_profile_is_an_option_and_a_wrong_one_is_refused() -> None:
    with started("--profile", "unkind") as process:
        settings = process.control("GET", "settings")
    assert (settings["profile"], settings["behaviour"]["sourceServers"]) == ("unkind", "bare")
    refused = subprocess.run([*COMMAND, "--profile", "nice"], capture_output=True, text=True, timeout=10)
    assert refused.returncode == 2
    assert "invalid choice: 'nice'" in refused.stderr


def test_a_profile_overrides_that_of_the_state_file(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    for option, expected in (("slow", "slow"), ("unkind", "unkind"), ("", "unkind")):
        with started("--state", str(file), *(["--profile", option] if option else [])) as process:
            assert process.control("GET", "settings")["profile"] == expected
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0


def test_a_taken_port_is_reported_in_one_line() -> None:
    with started() as process:
        port = process.url.rsplit(":", 1)[1]
        second = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=10)
    assert second.returncode == 2
    assert second.stderr == f"drs-emulator: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_it_lists_the_built_and_the_missing_operations() -> None:
    listed = subprocess.run([*COMMAND, "--operations"], capture_output=True, text=True, timeout=10, check=True)
    built, missing = listed.stdout.split("missing (")
    assert "  StartRecovery\n" in built
    assert "  StartRecovery\n" not in missing


def test_its_help_has_examples_and_its_version_is_that_of_the_distribution() -> None:
    shown = {
        option: subprocess.run([*COMMAND, option], capture_output=True, text=True, timeout=10, check=True).stdout
        for option in ("--help", "--version")
    }
    assert "drs-emulator --port 4630 --speed 600\n" in shown["--help"]
    assert shown["--version"] == f"drs-emulator {version('drs-emulator')}\n"
