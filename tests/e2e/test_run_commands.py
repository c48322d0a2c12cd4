"""`drs-waves` against the deployed product: a drill from a pipeline, and a recovery from a terminal."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.settings import REGION
from sandbox.stack import Sandbox
from tests.support.deployed import Operator
from tests.support.deployed_command import environment, plan
from tests.support.report_schema import list_violations

pytestmark = pytest.mark.e2e


def command(sandbox: Sandbox, *words: str) -> list[str]:
    where = ["--api-url", sandbox.api_url, "--region", REGION, "--interval", "0.3"]
    return [str(Path(sys.executable).with_name("drs-waves")), *words, *where]


def test_a_pipeline_runs_a_drill_by_the_command_alone_and_keeps_its_report(
    operator: Operator, sandbox: Sandbox, tmp_path: Path
) -> None:
    words = ("run", plan(operator, "pipeline"), "--json", "--cleanup", "--report", str(tmp_path))
    run = subprocess.run(command(sandbox, *words), capture_output=True, text=True, env=environment(sandbox), timeout=90)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    last = lines[-1]
    assert (last["type"], last["exitStatus"], last["execution"]["status"]) == ("result", 0, "COMPLETED")
    gone = [line["cleanup"] for line in lines if line["type"] == "cleanup"][-1]
    assert (gone["status"], gone["instances"]["terminated"]) == ("COMPLETED", 2), gone
    told = json.loads((tmp_path / "report.json").read_text())
    others = ("failed", "excluded", "launching", "skipped", "checked", "pending")
    assert told["servers"] == {"total": 2, "launched": 2, **dict.fromkeys(others, 0)}
    assert {server["status"] for server in told["sourceServers"]} == {"LAUNCHED"}
    assert list_violations(told) == []
    assert told["cleanup"]["status"] == "COMPLETED"
    assert "</html>" in (tmp_path / "report.html").read_text()

    words = ("report", told["executionId"], "--to", str(tmp_path))
    again = subprocess.run(
        command(sandbox, *words)[:-2], capture_output=True, text=True, env=environment(sandbox), timeout=30
    )
    assert again.returncode == 0, again.stderr


def test_a_person_types_the_plans_name_and_watches_the_recovery_on_a_terminal(
    operator: Operator, sandbox: Sandbox
) -> None:
    plan_id = plan(operator, "person")
    master, slave = pty.openpty()
    words = command(sandbox, "run", plan_id, "--mode", "recovery")
    run = subprocess.Popen(
        words, stdin=slave, stdout=slave, stderr=slave, env=environment(sandbox), start_new_session=True
    )
    os.close(slave)
    shown = read_until(master, "to start it")
    assert "launches production servers" in shown
    os.write(master, b"a plan\n")
    shown = read_until(master, None)
    assert run.wait(10) == 0, shown
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"recovery of a plan\s+running", text), text[-3000:]
    assert re.search(r"as of \d\d:\d\d:\d\d UTC \(\d+ s ago\)", text)
    assert re.search(r"1 job runs:\s+\S+ batch 1: .*2 servers in ", text)
    assert "2 of 2 launched" in text
    assert "COMPLETED" in text


def read_until(master: int, wanted: str | None, seconds: float = 90) -> str:
    """The terminal's output until `wanted`, or until it ends."""
    deadline, seen = time.monotonic() + seconds, b""
    while time.monotonic() < deadline:
        try:
            part = os.read(master, 65_536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
        if wanted and wanted.encode() in seen:
            break
    return seen.decode(errors="replace")
