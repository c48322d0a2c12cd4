"""Ports and processes of this machine."""

import socket
import subprocess
import time


def free_ports(count: int) -> list[int]:
    """Ports on which no process listens at the moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def gone_within(seconds: float, pids: list[int]) -> bool:
    """Whether all these processes end in time; a zombie that has not been reaped yet has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        states = [subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True) for pid in pids]
        if all(state.stdout.strip() in ("", "Z", "Z+", "Zs", "Z<s") for state in states):
            return True
        time.sleep(0.05)
    return False
