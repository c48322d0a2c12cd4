"""Child processes that cannot outlive the program that started them, however that program dies.

Each child runs under a small supervisor (this file, run as a script), which holds the reading end of a pipe: the leash.
The writing end exists only in the program that started it. The leash breaks when that program closes it (an orderly
stop), crashes, or is killed with SIGKILL. Then the supervisor ends the child's whole process group: SIGTERM, a grace
period, SIGKILL.

A signal handler or `atexit` would not survive SIGKILL. Linux's "parent died" signal reaches only the child, not the
processes that the child has started, and it depends on the thread that forked the child rather than on the process.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

GRACE_SECONDS = 3.0
"""How long a child may take to end by itself before it is killed."""

_POLL_SECONDS = 0.05
_SUPERVISOR_MARGIN_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1


class LeashedProcess:
    """A running command with its own process group, its output in a log file and its life tied to ours."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str], cwd: Path) -> None:
        self.name = name
        self.log = log
        leash, self._leash = os.pipe()
        try:
            with log.open("ab") as output:
                self._supervisor = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__, str(leash), str(GRACE_SECONDS), *command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(env),
                    cwd=cwd,
                    pass_fds=[leash],
                    # Out of the terminal's foreground group: Ctrl-C is for us, and we stop our children in order.
                    start_new_session=True,
                )
        except BaseException:
            self._break_leash()
            raise
        finally:
            os.close(leash)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def returncode(self) -> int | None:
        """None while the command runs; 128 + the signal when a signal ended it."""
        return self._supervisor.poll()

    def wait(self, timeout: float) -> int:
        """The exit code. Raise subprocess.TimeoutExpired, which leaves the command running."""
        return self._supervisor.wait(timeout)

    def ask_to_stop(self) -> None:
        """Begin to stop and return at once, so that several processes can end side by side."""
        self._break_leash()

    def stop(self) -> None:
        """End the command and everything that it started, and wait for their end. A second call has no effect."""
        self._break_leash()
        try:
            self._supervisor.wait(GRACE_SECONDS + _SUPERVISOR_MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The end of the log, to show when the command failed."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def death_notice(self, lines: int = 15) -> str:
        """The exit code, the end of the log, and where the whole log is."""
        end = self.log_tail(lines)
        return f"{self.name} ended with code {self.returncode}:\n{end}\nThe whole log: {self.log}"

    def _break_leash(self) -> None:
        leash, self._leash = self._leash, -1
        if leash != -1:
            os.close(leash)


def _die_with_supervisor() -> None:
    """On Linux, kill the child if the supervisor itself is killed. Other systems do not cover this rare case."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def supervise(leash: int, grace: float, command: Sequence[str]) -> int:
    """Run the command until it ends, the leash breaks or SIGTERM arrives. Then kill its whole process group."""
    must_stop = False

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal must_stop
        must_stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # preexec_fn is safe here: this process has one thread.
    child = subprocess.Popen(command, process_group=0, preexec_fn=_die_with_supervisor)
    while child.poll() is None and not must_stop:
        if select.select([leash], [], [], _POLL_SECONDS)[0]:
            break
    if child.returncode is None:
        _signal_group(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _signal_group(group: int, signum: int) -> None:
    # PermissionError is what macOS answers for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signum)


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
