"""The commands of README.md and docs/, run as they stand there against the deployed product.

`tests/support/shell_blocks.py` says how to leave a block out. EXECUTION, WAVE, PLAN and FILE stand for something that
the command makes sense for: `approve` gets a run that waits for approval.
"""

import itertools
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import seeding
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox
from tests.support.deployed import Operator, wait_until, waits_for
from tests.support.shell_blocks import DOCUMENTS, ROOT, shell_blocks

pytestmark = pytest.mark.e2e
WAVE = "web"
QUICKSTART = ROOT / "docs" / "quickstart.md"
EXAMPLE = "examples/three-tier.yaml"
RUN = [
    pytest.param(command, id=f"{block.name} {command[:60]}")
    for document in DOCUMENTS
    if document != QUICKSTART
    for block in shell_blocks(document)
    if not block.reason
    for command in block.commands
]


@dataclass
class Scene:
    """What the words in capitals stand for, each made when a command first needs it."""

    operator: Operator
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def plan(self, **wave: Any) -> tuple[str, str]:
        """Id and name of a new plan, of one wave with one server."""
        name = f"documented-{next(self.numbers)}"
        servers = self.operator.seed(name, account=HUB_ACCOUNT, region=REGION)
        group = self.operator.group(servers, account=HUB_ACCOUNT, region=REGION)
        waves = [{"name": WAVE, "groups": [{"groupId": group}], **wave}]
        reply = self.operator.request("POST", "/recovery-plans", {"name": name, "launchAttempts": 1, "waves": waves})
        assert reply.status == 201, reply
        return str(reply.body["planId"]), name

    @cached_property
    def plan_name(self) -> str:
        return self.plan()[1]

    @cached_property
    def finished(self) -> str:
        """A drill that launched its server."""
        record = self.operator.drill(self.plan()[0])
        assert record["status"] == "COMPLETED", record
        return str(record["executionId"])

    @property
    def held(self) -> str:
        """A new drill each time, which waits for approval."""
        plan, _ = self.plan(approval={"required": True, "timeoutMinutes": 10_000})
        execution = self.operator.start(plan)
        wait_until(self.operator, execution, waits_for("APPROVAL"))
        return execution

    @property
    def asking(self) -> str:
        """A new drill each time, whose failed wave waits for a decision. A retry would launch the server."""
        execution = self.operator.start(self._failing(onFailure="ask"))
        wait_until(self.operator, execution, waits_for("DECISION"))
        return execution

    @property
    def failed(self) -> str:
        """A new drill each time, which failed. Another run would launch the server."""
        return str(self.operator.drill(self._failing())["executionId"])

    def _failing(self, **wave: Any) -> str:
        plan = self.plan(**wave)[0]
        group = self.operator.request("GET", f"/recovery-plans/{plan}").body["waves"][0]["groups"][0]["groupId"]
        (server,) = self.operator.request("GET", f"/protection-groups/{group}").body["sourceServerIds"]
        fault = {"kind": "LAUNCH_FAILS", "sourceServerId": server, "count": 1}
        self.operator.sandbox.control_emulator("POST", "/faults", fault)
        return plan

    @cached_property
    def file(self) -> Path:
        """A plan file that can be applied."""
        name = f"documented-{next(self.numbers)}"
        servers = self.operator.seed(name, account=HUB_ACCOUNT, region=REGION)
        group = {"name": name, "accountId": HUB_ACCOUNT, "region": REGION, "sourceServerIds": servers}
        plan = {"name": name, "waves": [{"name": WAVE, "groups": [name]}]}
        path = self.folder / "plan.yaml"
        path.write_text(json.dumps({"protectionGroups": [group], "recoveryPlan": plan}))
        return path

    def execution(self, command: str) -> str:
        verb = re.search(r"drs-waves (\w+)", command)
        states = {"approve": "held", "reject": "held", "cancel": "held", "pause": "held", "continue": "failed"}
        states |= dict.fromkeys(("retry", "accept", "abort"), "asking")
        return str(getattr(self, states.get(verb[1] if verb else "", "finished")))

    def filled_in(self, command: str) -> str:
        """The command with its words in capitals, and names of examples, replaced by real ones."""
        if "EXECUTION" in command:
            command = command.replace("EXECUTION", self.execution(command))
        if "FILE" in command:
            command = command.replace("FILE", str(self.file))
        if re.search(r"\bPLAN\b|\bthree-tier\b", command):
            # What a recovery launched is live, so that the plan takes no other run.
            plan = self.plan()[1] if "--mode recovery" in command else self.plan_name
            command = re.sub(r"\bPLAN\b|\bthree-tier\b", plan, command)
            if " --replace-existing" in command:  # there is nobody to type the two answers
                command += f" --yes --confirm-replace {plan}"
        if " apply " in command:
            command = re.sub(r"( apply \S+)", r"\1 --yes", command)  # there is nobody to ask
        command = command.replace(" --sandbox", "")  # the environment names the sandbox of the tests
        if re.search(r"drs-waves (run|readiness|continue|watch|cleanup) ", command):
            command += " --interval 0.3"  # on AWS it looks every few seconds
        return re.sub(r"\bWAVE\b", WAVE, command).replace("build/report", str(self.folder / "report"))


@pytest.fixture(scope="module")
def scene(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A deployment in which jobs of DRS take a minute instead of twenty."""
    usual = sandbox.control_emulator("GET", "/settings")["durations"]
    quick = {kind: {"pending": 40, "started": 20} for kind in ("drill", "recovery", "terminate")}
    sandbox.control_emulator("PUT", "/settings", {"durations": quick})
    yield Scene(Operator(sandbox), tmp_path_factory.mktemp("docs"))
    sandbox.control_emulator("PUT", "/settings", {"durations": {kind: usual[kind] for kind in quick}})


def shell(command: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DRS_WAVES_"))}
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{clean['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=ROOT,
        env={**clean, **environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_the_quickstart_leads_from_one_command_to_the_next(scene: Scene) -> None:
    """EXECUTION is the run that was started last; `status` shows it when it waits for the approval."""
    sandbox = scene.operator.sandbox
    environment = {**sandbox.build_caller_environment(), "DRS_WAVES_API_URL": sandbox.api_url}
    seeding.seed_source_servers(sandbox, yaml.safe_load((ROOT / EXAMPLE).read_text())["sandbox"]["sourceServers"])
    commands = [command for block in shell_blocks(QUICKSTART) if not block.reason for command in block.commands]
    for command in (f"drs-waves plan apply {EXAMPLE} --yes", *commands):
        if "EXECUTION" in command:
            execution = scene.operator.request("GET", "/executions?limit=1").body["executions"][0]["executionId"]
            if " status " in command:
                wait_until(scene.operator, execution, waits_for("APPROVAL"))
            command = command.replace("EXECUTION", execution)
        if re.search(r"drs-waves (run|readiness|watch|cleanup) ", command) and "--no-wait" not in command:
            command += " --interval 0.3"
        done = shell(command.replace("build/report", str(scene.folder / "quickstart")), environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "databases checked" in (scene.folder / "quickstart" / "report.html").read_text()


@pytest.mark.parametrize("command", RUN)
def test_a_command_does_what_it_is_shown_for(scene: Scene, command: str) -> None:
    sandbox = scene.operator.sandbox
    environment = {**sandbox.build_caller_environment(), "DRS_WAVES_API_URL": sandbox.api_url}
    filled_in = scene.filled_in(command)
    done = shell(filled_in, environment)
    assert done.returncode == 0, f"{filled_in}\n{done.stdout}{done.stderr}"
