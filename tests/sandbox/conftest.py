"""What the tests of the sandbox share."""

import socket
import subprocess
import time

import pytest


def gone_within(seconds: float, pids: list[int]) -> bool:
    """Whether all these processes end in time; a zombie that nobody has reaped yet has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        states = [subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True) for pid in pids]
        if all(state.stdout.strip() in ("", "Z", "Z+", "Zs", "Z<s") for state in states):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="session")
def free_ports() -> list[int]:
    """Two ports that nobody listens on at the moment."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return [first.getsockname()[1], second.getsockname()[1]]
