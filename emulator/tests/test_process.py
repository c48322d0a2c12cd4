"""The emulator as a process of its own."""

import json
import signal
import subprocess
import urllib.request

import pytest

from emulator_support.process import COMMAND, started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    with started("--speed", "600", "--origin", "1800000000") as (process, url):
        with urllib.request.urlopen(f"{url}/_emulator/health") as answer:
            clock = json.load(answer)["clock"]
        assert (clock["speed"], clock["origin"]) == (600, 1800000000)
        process.send_signal(number)
        assert process.wait(timeout=5) == 0


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with started() as (_, url):
        port = url.rsplit(":", 1)[1]
        second = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=10)
    assert second.returncode == 2
    assert second.stderr == f"drs-emulator: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_it_lists_what_is_built_and_what_is_missing() -> None:
    listed = subprocess.run([*COMMAND, "--operations"], capture_output=True, text=True, timeout=10, check=True)
    built, missing = listed.stdout.split("missing (")
    assert "  StartRecovery\n" in built
    assert "  StartRecovery\n" not in missing
