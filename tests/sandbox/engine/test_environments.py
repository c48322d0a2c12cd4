"""The execution environments of functions: how many there are, and when they have started."""

import os
import resource
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import deployment
from sandbox.engine import ENVIRONMENTS_MOST
from sandbox.engine.accelerators.fork_server import ForkedProcess
from tests.support.ministack import MiniStack, run_ministack
from tests.support.processes import free_ports


def test_the_end_of_an_environment_is_seen_however_many_files_the_engine_has_open() -> None:
    """select() takes no file descriptor above 1,023."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most <= 1_100:
        pytest.skip(f"this process may open {most} files")
    ends = [os.pipe() for _ in range(4)]
    alive = os.dup2(ends[3][0], 1_090)
    process = ForkedProcess(0, ends[0][1], ends[1][0], ends[2][0], alive)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.01)
    os.close(ends[3][1])
    assert process.wait(timeout=5) == -1


def test_calls_beyond_the_limit_wait_for_an_environment_and_start_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENTS_MOST, "1")
    with run_ministack(tmp_path, *free_ports(1), without="") as engine, ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(engine.invoke, [{}] * 8))
    assert len({answer["pid"] for answer in answers}) == 1


def test_functions_are_awaited_until_each_has_an_environment(patched: MiniStack) -> None:
    functions = patched.client("lambda")
    deployment.await_functions(functions)
    assert {each["State"] for each in functions.list_functions()["Functions"]} == {"Active"}
