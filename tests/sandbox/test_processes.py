"""Nothing that the sandbox starts may outlive it, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox import processes
from sandbox.processes import LeashedProcess
from tests.support.processes import gone_within

ROOT = Path(__file__).resolve().parents[2]

FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
{extra}
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""


def start(folder: Path, code: str) -> LeashedProcess:
    return LeashedProcess("toy", [sys.executable, "-c", code], log=folder / "toy.log", env=dict(os.environ), cwd=folder)


def pids_in(log: Path) -> list[int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        words = log.read_text().split() if log.exists() else []
        if len(words) >= 2:
            return [int(word) for word in words]
        time.sleep(0.02)
    raise AssertionError(f"no process ids in {log}")


def test_stop_ends_a_process_and_what_it_started(tmp_path: Path) -> None:
    with start(tmp_path, FAMILY.format(extra="")) as process:
        family = pids_in(process.log)
        assert process.returncode is None
    assert gone_within(60, family)


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.3)
    with start(tmp_path, FAMILY.format(extra="signal.signal(signal.SIGTERM, signal.SIG_IGN)")) as process:
        family = pids_in(process.log)
    assert gone_within(60, family)
    assert process.returncode == 128 + signal.SIGKILL


def test_workers_of_a_process_that_died_by_itself_are_ended(tmp_path: Path) -> None:
    code = FAMILY.format(extra="").replace("time.sleep(600)\n", "sys.exit(3)\n")
    with start(tmp_path, code) as process:
        family = pids_in(process.log)
        assert process.wait(60) == 3
        assert gone_within(60, family)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_program_is_killed_so_is_all_it_started(tmp_path: Path, signum: signal.Signals) -> None:
    log = tmp_path / "toy.log"
    program = f"""
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a program started in the background ignores it
from pathlib import Path
from sandbox.processes import LeashedProcess
LeashedProcess("toy", [sys.executable, "-c", {FAMILY.format(extra="")!r}], log=Path({str(log)!r}),
               env=dict(os.environ), cwd=Path("."))
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        family = pids_in(log)
        parent.send_signal(signum)
        parent.wait(60)
        assert gone_within(60, family)
    finally:
        parent.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's parent-death signal")
def test_a_killed_supervisor_takes_its_process_along(tmp_path: Path) -> None:
    with start(tmp_path, FAMILY.format(extra="")) as process:
        main, child = pids_in(process.log)
        process._supervisor.kill()
        try:
            assert gone_within(60, [main])
        finally:
            os.kill(child, signal.SIGKILL)


def test_the_log_holds_what_the_process_said_last(tmp_path: Path) -> None:
    with start(tmp_path, "for n in range(100): print('line', n)\nraise SystemExit(7)") as process:
        assert process.wait(60) == 7
        assert process.log_tail(2) == "line 98\nline 99"
