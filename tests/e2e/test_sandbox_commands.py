"""`drs-waves sandbox drill`, as `make drill` runs it: its acts, its figures, its exit status, and how it stops."""

import hashlib
import json
import os
import re
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


WITHOUT_SERVERS = """
protectionGroups:
  - {name: ledgers, accountId: '777788889999', region: eu-west-1, tags: {tier: db}}
  - {name: desks, accountId: '888899990000', region: eu-west-2, sourceServers: [desk-01, desk-02]}
  - {name: vaults, accountId: '777788889999', region: eu-west-1, sourceServerIds: [s-1111111111111111a]}
recoveryPlan:
  name: a bank
  waves:
    - {name: db, groups: [ledgers]}
    - {name: rest, groups: [desks, vaults], approval: {required: true}}
"""


def command(ports: list[int], *more: str, speed: int = 600) -> list[str]:
    options = ["--speed", str(speed), "--port", str(ports[0]), "--drs-port", str(ports[1]), *more]
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
    drill = subprocess.Popen(command(ports, "--quiet"), stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    assert drill.stdout is not None
    try:
        for line in drill.stdout:
            if " launching " in line:
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
    drill = subprocess.run(command(ports, "--quiet"), capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert drill.returncode == 0, drill.stdout + drill.stderr
    figures = json.loads(FIGURES.read_text())
    report = json.loads((FIGURES.parent / "report.json").read_text())
    assert "build/drill/report.html" in drill.stdout
    digest = hashlib.sha256((FIGURES.parent / "report.json").read_bytes()).hexdigest()
    assert f"build/drill/report.json, SHA-256 {digest}" in drill.stdout
    assert report["environment"] == "sandbox"
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
        command(ports, "--quiet", "--plan", str(example)), capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert "NOT_READY" in drill.stdout, drill.stdout + drill.stderr
    assert drill.returncode == 1


def test_an_example_may_have_servers_in_any_account(ports: list[int], tmp_path: Path) -> None:
    example = tmp_path / "ledgers.yaml"
    example.write_text(IN_ANOTHER_ACCOUNT)
    drill = subprocess.run(
        command(ports, "--quiet", "--plan", str(example)), capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert "1 of 1 launched" in drill.stdout


def test_the_demonstration_meets_a_failure_an_outage_and_an_approval_and_explains_them(ports: list[int]) -> None:
    FIGURES.unlink(missing_ok=True)
    drill = subprocess.run(command(ports, speed=90), capture_output=True, text=True, cwd=ROOT, timeout=390)
    assert drill.returncode == 0, drill.stdout + drill.stderr
    figures = json.loads(FIGURES.read_text())
    assert (figures["demonstration"], figures["overheadRatio"], figures["idealSeconds"]) == (True, None, None)
    report = json.loads((FIGURES.parent / "report.json").read_text())
    (approval,) = report["decisions"]
    assert (approval["decision"], approval["wave"], approval["bySamePerson"]) == ("approve", "web", False)
    assert "session name: maria" in approval["by"]
    attempts = [job["attempt"] for job in report["jobs"] if job["wave"] == "application"]
    assert sorted(attempts) == [1, 1, 2]
    assert report["rto"]["whole"]["met"] is not None
    assert report["rpo"]["worstSeconds"] > 0
    lines = [line.strip() for line in drill.stdout.splitlines()]
    for said in (
        *("the databases launch first", "the web tier waits for an approval", "maria, who did not start the drill"),
        *(
            "eu-central-1 stops answering",
            "no answer from eu-central-1",
            "eu-central-1 answers again",
            "app-orders-02 did not launch",
        ),
    ):
        assert any(re.match(rf"\d\d:\d\d .*{re.escape(said)}", line) for line in lines), said
    messages = (FIGURES.parent / "messages.log").read_text()
    assert "DRILL of demonstration: wave web waits for approval" in messages
    assert "444455556666/eu-central-1" in messages


def test_a_plan_without_servers_gets_some_made_up_and_its_approval_is_given(ports: list[int], tmp_path: Path) -> None:
    plan = tmp_path / "bank.yaml"
    plan.write_text(WITHOUT_SERVERS)
    drill = subprocess.run(command(ports, "--plan", str(plan)), capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert "ledgers: 3 servers with its tags" in drill.stdout
    assert "6 of 6 launched" in drill.stdout
    assert "maria, who did not start the drill, answers: approve wave rest" in drill.stdout
    assert "app-orders-02" not in drill.stdout


def test_a_first_plan_runs_as_plan_init_writes_it(ports: list[int], tmp_path: Path) -> None:
    plan, drs_waves = tmp_path / "shop.yaml", command(ports)[0]
    target = ("--account", "222233334444", "--target-region", "eu-west-1", "--tag", "Tier", "--order", "database,web")
    subprocess.run([drs_waves, "plan", "init", str(plan), *target], check=True, cwd=ROOT, timeout=60)
    drill = subprocess.run(command(ports, "--plan", str(plan)), capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert "6 of 6 launched" in drill.stdout


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
