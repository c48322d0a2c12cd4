"""`drs-waves sandbox drill`, as `make drill` runs it: its figures, its exit status, and how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.processes import free_ports, gone_within
from tests.support.report_schema import list_violations

# A drill takes 20 seconds on a quiet machine; the limits are for a busy one.
pytestmark = [pytest.mark.deployment, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "build" / "drill" / "drill.json"
MAX_POLLS_OF_A_JOB = 40


@pytest.fixture(scope="module")
def ports() -> list[int]:
    """The same ports for every drill here: a process that a stopped drill left on them would stop the next one."""
    return free_ports(2)


NOTHING_TO_RECOVER = """
protectionGroups:
  - {name: nobody, accountId: '111122223333', region: us-west-2, tags: {tier: nowhere}}
recoveryPlan: {name: nothing, waves: [{name: web, groups: [nobody]}]}
sandbox:
  sourceServers:
    - {accountId: '111122223333', region: us-west-2, hostname: 'w-{n}', count: 1, os: Ubuntu, cpus: 2, ramGiB: 4, disksGiB: [8], tags: {tier: web}}
"""  # noqa: E501


IN_ANOTHER_ACCOUNT = """
protectionGroups:
  - {name: ledgers, accountId: '777788889999', region: eu-west-1, tags: {tier: db}}
recoveryPlan: {name: ledgers, waves: [{name: db, groups: [ledgers]}]}
sandbox:
  sourceServers:
    - {accountId: '777788889999', region: eu-west-1, hostname: 'db-{n}', count: 1, os: Ubuntu, cpus: 2, ramGiB: 4, disksGiB: [8], tags: {tier: db}}
"""  # noqa: E501


def command(ports: list[int], *more: str) -> list[str]:
    options = ["--speed", "600", "--port", str(ports[0]), "--drs-port", str(ports[1]), *more]
    return [str(Path(sys.executable).with_name("drs-waves")), "sandbox", "drill", *options]


def descendants(pid: int) -> list[int]:
    """Every process that `pid` has started, directly or indirectly."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children = defaultdict(list)
    for line in listed.splitlines():
        child, parent = map(int, line.split())
        children[parent].append(child)
    found, waiting = [], [pid]
    while waiting:
        waiting += (started := children[waiting.pop()])
        found += started
    return found


def test_an_interrupted_drill_leaves_no_process_behind(ports: list[int]) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    drill = subprocess.Popen(command(ports), stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    assert drill.stdout is not None
    try:
        for line in drill.stdout:
            if "IN_PROGRESS" in line:
                break
        else:
            pytest.fail(f"the drill ended with {drill.wait()} before a wave was in progress")
        family = descendants(drill.pid)
        assert len(family) > 4  # the engine, the emulator, their supervisors and functions
        drill.send_signal(signal.SIGINT)
        rest = drill.stdout.read()
        assert drill.wait(10) == 130, rest
        assert "stopped" in rest
        assert "Traceback" not in rest
        assert gone_within(5, family)
    finally:
        drill.kill()
        drill.wait()


def test_a_successful_drill_leaves_its_figures(ports: list[int]) -> None:
    FIGURES.unlink(missing_ok=True)
    drill = subprocess.run(command(ports), capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert drill.returncode == 0, drill.stdout + drill.stderr
    figures = json.loads(FIGURES.read_text())
    report = json.loads((FIGURES.parent / "report.json").read_text())
    assert "build/drill/report.html" in drill.stdout
    assert report["executionId"] in (FIGURES.parent / "report.html").read_text()
    assert report["costs"] == {name: figures[name] for name in ("drsCalls", "stateTransitions")}
    assert len(report["sourceServers"]) == figures["servers"]["total"]
    assert list_violations(report) == []
    assert set(figures) == {
        *("executionId", "mode", "status", "timeScale", "servers", "waves", "makespanSeconds", "idealSeconds"),
        *("overheadRatio", "drsCalls", "stateTransitions", "lambdaInvocations"),
    }
    assert (figures["mode"], figures["status"], figures["timeScale"]) == ("DRILL", "COMPLETED", 600)
    total = figures["servers"]["total"]
    assert total > 50
    assert figures["servers"] | {"launched": total, "failed": 0} == figures["servers"]
    for wave in figures["waves"]:
        assert set(wave) == {"name", "status", "startedAt", "endedAt", "servers"}
        assert wave["status"] == "COMPLETED"
    assert [wave["name"] for wave in figures["waves"]] == ["database", "application", "web"]
    assert sum(wave["servers"]["total"] for wave in figures["waves"]) == total
    assert 0 < figures["idealSeconds"] < figures["makespanSeconds"]
    assert figures["overheadRatio"] == pytest.approx(figures["makespanSeconds"] / figures["idealSeconds"], rel=1e-3)
    assert figures["stateTransitions"] > figures["lambdaInvocations"] > 0
    batches = 6  # three waves, each in two targets with fewer than 100 servers
    assert figures["drsCalls"]["StartRecovery"] == batches
    assert figures["drsCalls"]["DescribeJobs"] <= MAX_POLLS_OF_A_JOB * batches


def test_a_drill_that_launches_not_all_servers_ends_with_1(ports: list[int], tmp_path: Path) -> None:
    example = tmp_path / "nothing.yaml"
    example.write_text(NOTHING_TO_RECOVER)
    drill = subprocess.run(
        command(ports, "--example", str(example)), capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert "NOT_READY" in drill.stdout, drill.stdout + drill.stderr
    assert drill.returncode == 1


def test_an_example_may_have_servers_in_any_account(ports: list[int], tmp_path: Path) -> None:
    example = tmp_path / "ledgers.yaml"
    example.write_text(IN_ANOTHER_ACCOUNT)
    drill = subprocess.run(
        command(ports, "--example", str(example)), capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert "1 of 1 launched" in drill.stdout


@pytest.mark.parametrize("taken", [0, 1])
def test_a_port_in_use_ends_with_2_and_a_message(ports: list[int], taken: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        chosen = [number if place == taken else port for place, port in enumerate(ports)]
        drill = subprocess.run(command(chosen), capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert drill.returncode == 2
    said = drill.stdout + drill.stderr
    assert f"Port {number}" in said
    assert ("--port", "--drs-port")[taken] in said
    assert "Traceback" not in said
