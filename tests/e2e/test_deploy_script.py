"""scripts/deploy.sh and scripts/teardown.sh as an engineer runs them, against the sandbox in the place of AWS.

The tests are about one stack, `drs-waves-second`: deployed, upgraded while a run is on, taken down.
"""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox
from tests.support import product
from tests.support.deployed import Operator, decide, wait_until, waits_for

pytestmark = [pytest.mark.deployment, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
EVIDENCE = f"drs-waves-second-{HUB_ACCOUNT}-{REGION}"
SECOND = ("--env", "second", "--region", REGION)
TABLES = len(product.tables())
BUCKET = "drs-waves-engineers"
# The layer is built for the Python of this machine, as the sandbox needs it.
RUNTIME = f"PythonRuntime=python3.{sys.version_info.minor}"
SETTINGS = f"""
version = 0.1
[second.deploy.parameters]
parameter_overrides = ["{RUNTIME}", "LogLevel=DEBUG", "ReplicaRegion=eu-central-1"]
"""

# A recover-target that recovers nothing, which nobody can overlook.
NEXT_VERSION = """
StartAt: Recover?
States:
  Recover?:
    Type: Choice
    Choices:
      - Condition: '{% $exists($states.input.neverGiven) %}'
        Next: EnterTarget
    Default: NextVersion
  NextVersion:
    Type: Fail
    Error: NextVersion
"""


def run(sandbox: Sandbox, script: str, *arguments: str, root: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    command = [str(root / "scripts" / script), *arguments]
    environment = {**sandbox.build_caller_environment(), "DRS_WAVES_BUCKET": BUCKET}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=280, stdin=subprocess.DEVNULL
    )


def checkout(folder: Path) -> Path:
    """A copy of the repository, which tests change as a next version would."""
    for name in ("cfn", "lambdas", "scripts", "statemachines"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    (folder / "emulator").mkdir()
    # With all that make holds .venv against, or it would set that up anew.
    for name in ("Makefile", "package-lock.json", "pyproject.toml", "emulator/pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "build").mkdir()  # with machines of its own
    for name in (".venv", "build/layer", "node_modules"):
        (folder / name).symlink_to((ROOT / name).resolve())
    (folder / "cfn" / "samconfig.toml").write_text(SETTINGS)
    return folder


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Path:
    where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    sandbox.client("s3").create_bucket(Bucket=BUCKET, **where)
    return checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def second(sandbox: Sandbox, repository: Path) -> Operator:
    """An operator of the second stack."""
    refused = run(sandbox, "deploy.sh", *SECOND, root=repository)  # which checks it, so the others need not
    assert refused.returncode == 3, refused
    assert "AWS::DynamoDB::Table" in refused.stdout
    assert "--yes" in refused.stderr
    deployed = run(sandbox, "deploy.sh", *SECOND, "--yes", "--checked", root=repository)
    assert deployed.returncode == 0, deployed
    assert "ApiUrl" in deployed.stdout
    (stack,) = sandbox.client("cloudformation").describe_stacks(StackName="drs-waves-second")["Stacks"]
    other = copy.copy(sandbox)
    other.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    operator = Operator(other)
    operator.register(HUB_ACCOUNT)
    return operator


def held_plan(operator: Operator, name: str, wave: int) -> str:
    """A plan of two waves with a server each. The wave with this number waits for an operator."""
    servers = operator.seed(f"{name}-1", f"{name}-2", account=HUB_ACCOUNT, region=REGION)
    groups = [[{"groupId": operator.group([each], account=HUB_ACCOUNT, region=REGION)}] for each in servers]
    waves: list[dict[str, Any]] = [{"name": "first", "groups": groups[0]}, {"name": "second", "groups": groups[1]}]
    waves[wave - 1]["approval"] = {"required": True, "timeoutMinutes": 10_000}
    reply = operator.request("POST", "/recovery-plans", {"name": name, "launchAttempts": 1, "waves": waves})
    assert reply.status == 201, reply
    return str(reply.body["planId"])


def parameters(sandbox: Sandbox) -> Mapping[str, str]:
    """The parameters of both stacks."""
    found = {}
    for name in ("drs-waves-second-tables", "drs-waves-second"):
        (stack,) = sandbox.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), name
        found |= {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    return found


def tables(sandbox: Sandbox) -> list[str]:
    names = sandbox.client("dynamodb").list_tables()["TableNames"]
    return [name for name in names if name.startswith("drs-waves-second-")]


def stacks(sandbox: Sandbox) -> set[str]:
    """The existing stacks of the second control plane, without the nested ones."""
    answer = sandbox.client("cloudformation").list_stacks()["StackSummaries"]
    names = {stack["StackName"] for stack in answer if stack["StackStatus"] != "DELETE_COMPLETE"}
    return names & {"drs-waves-second", "drs-waves-second-tables"}


def test_parameters_of_an_environment_come_from_its_file(sandbox: Sandbox, second: Operator) -> None:
    given = parameters(sandbox)
    assert (given["LogLevel"], given["ReplicaRegion"]) == ("DEBUG", "eu-central-1")
    assert given["ControlPlane"] == "drs-waves-second"


def test_days_for_which_evidence_is_kept_must_outlast_its_lock(
    sandbox: Sandbox, second: Operator, repository: Path
) -> None:
    days = ("EvidenceLockDays=400", "EvidenceKeepDays=399")
    refused = run(sandbox, "deploy.sh", *SECOND, "--yes", "--checked", *days, root=repository)
    assert refused.returncode == 3, refused
    assert "EvidenceKeepDays=399 is shorter than EvidenceLockDays=400" in refused.stderr


def test_a_change_that_would_lose_the_bucket_of_evidence_is_refused(
    sandbox: Sandbox, second: Operator, tmp_path: Path
) -> None:
    """The change takes it out of the stack. MiniStack calls a bucket with another name no replacement."""
    losing = checkout(tmp_path / "losing")
    tables_file = losing / "cfn" / "tables.yaml"
    change(losing / "cfn" / "tables.yaml", "\n  EvidenceBucket:\n", "\n  ProofBucket:\n")
    text = tables_file.read_text().replace("Ref EvidenceBucket", "Ref ProofBucket")
    tables_file.write_text(text.replace("EvidenceBucket.Arn", "ProofBucket.Arn"))
    refused = run(sandbox, "deploy.sh", *SECOND, "--yes", "--checked", root=losing)
    assert refused.returncode == 3, refused
    assert "the bucket of evidence" in refused.stderr
    sandbox.client("s3").head_bucket(Bucket=EVIDENCE)


@pytest.mark.parametrize(
    ("old", "new", "listed"),
    [
        ("\n  Limits:\n", "\n  Quotas:\n", "Remove "),
        ("${ControlPlane}-limits", "${ControlPlane}-quotas", "Modify   True "),
    ],
    ids=["deleted", "replaced"],
)
def test_a_change_that_would_lose_a_table_is_refused(
    sandbox: Sandbox, second: Operator, tmp_path: Path, old: str, new: str, listed: str
) -> None:
    losing = checkout(tmp_path / "losing")
    change(losing / "cfn" / "tables.yaml", old, new)
    before = tables(sandbox)
    refused = run(sandbox, "deploy.sh", *SECOND, "--yes", "--checked", root=losing)
    assert refused.returncode == 3, refused
    assert "delete or replace a table" in refused.stderr
    assert [line for line in refused.stdout.splitlines() if listed in line and "DynamoDB" in line], refused
    assert tables(sandbox) == before


def test_a_run_that_is_on_keeps_its_machines_and_its_functions_through_a_deployment(
    sandbox: Sandbox, second: Operator, repository: Path, tmp_path: Path
) -> None:
    plan = held_plan(second, "upgraded", wave=2)
    execution = second.start(plan)
    wait_until(second, execution, waits_for("APPROVAL", "second"))

    fewer = checkout(tmp_path / "fewer")
    change(fewer / "cfn" / "template.yaml", "RecordSyncFunction", "KeepSyncFunction")
    taken = run(sandbox, "deploy.sh", *SECOND, "--yes", "--checked", root=fewer)
    assert taken.returncode == 3, taken
    assert "a run that is on may still call" in taken.stderr

    idle = run(sandbox, "deploy.sh", *SECOND, "--yes", "--checked", "--when-idle", root=repository)
    assert idle.returncode == 3, idle
    assert execution in idle.stdout

    machine = repository / "statemachines" / "recover_target.asl.yaml"
    change(machine, "\nStartAt: EnterTarget\nStates:\n", NEXT_VERSION)
    given = (RUNTIME, "LogLevel=INFO", "SyncRate=rate(5 minutes)", "ReplicaRegion=")  # with a space, and with nothing
    deployed = run(sandbox, "deploy.sh", *SECOND, "--yes", "--checked", *given, root=repository)
    assert deployed.returncode == 0, deployed
    assert execution in deployed.stdout
    assert dict(each.split("=", 1) for each in given).items() <= parameters(sandbox).items()

    decide(second, execution, "waves/second/approve")
    assert second.finish(execution)["status"] == "COMPLETED"
    afterwards = second.start(plan)
    wait_until(second, afterwards, lambda record: record["status"] == "FAILED")


def lose_the_stack_of_the_tables(sandbox: Sandbox) -> None:
    """Delete it by hand; no script does so."""
    named = {"StackName": "drs-waves-second-tables"}
    sandbox.client("cloudformation").delete_stack(**named)
    sandbox.client("cloudformation").get_waiter("stack_delete_complete").wait(**named, WaiterConfig={"Delay": 1})


def take_over(sandbox: Sandbox) -> None:
    """Let a new stack adopt the remaining tables, as docs/deploy.md says."""
    command = [str(Path(sys.executable).with_name("drs-waves")), "tables", "adopt", "--stack", "drs-waves-second"]
    command += ["--account", HUB_ACCOUNT, "--region", REGION]
    written = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert written.returncode == 0, written
    # MiniStack asks for resources whose condition is false as well, which CloudFormation leaves out.
    conditional = re.compile(r"^  EvidenceKey(?:Alias)?:\n(?:    .*\n|\n)*", re.MULTILINE)
    template = conditional.sub("", (ROOT / "cfn" / "tables.yaml").read_text())
    named = {"StackName": "drs-waves-second-tables", "ChangeSetName": "adopt"}
    formation = sandbox.client("cloudformation")
    formation.create_change_set(
        **named,
        ChangeSetType="IMPORT",
        TemplateBody=template,
        Parameters=[{"ParameterKey": "ControlPlane", "ParameterValue": "drs-waves-second"}],
        ResourcesToImport=json.loads(written.stdout),
    )
    formation.get_waiter("change_set_create_complete").wait(**named, WaiterConfig={"Delay": 1})
    formation.execute_change_set(**named)
    formation.get_waiter("stack_import_complete").wait(StackName=named["StackName"], WaiterConfig={"Delay": 1})


def deploy_again(sandbox: Sandbox, second: Operator, repository: Path) -> None:
    deployed = run(sandbox, "deploy.sh", *SECOND, "--yes", "--checked", root=repository)
    assert deployed.returncode == 0, deployed
    (stack,) = sandbox.client("cloudformation").describe_stacks(StackName="drs-waves-second")["Stacks"]
    second.sandbox.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def plans(second: Operator) -> set[str]:
    return {plan["name"] for plan in second.request("GET", "/recovery-plans").body["recoveryPlans"]}


def test_taking_down_waits_for_runs_and_keeps_tables_until_they_are_deleted_by_name(
    sandbox: Sandbox, second: Operator, repository: Path
) -> None:
    execution = second.start(held_plan(second, "taken-down", wave=1))
    wait_until(second, execution, waits_for("APPROVAL", "first"))
    refused = run(sandbox, "teardown.sh", *SECOND, "--yes")
    assert (refused.returncode, "a run is on" in refused.stderr) == (3, True), refused
    assert execution in refused.stderr
    second.request("POST", f"/executions/{execution}/cancel", {})
    second.finish(execution)

    taken_down = run(sandbox, "teardown.sh", *SECOND, "--yes")
    assert taken_down.returncode == 0, taken_down
    assert "instances of drills running" in taken_down.stdout
    assert stacks(sandbox) == {"drs-waves-second-tables"}
    assert len(tables(sandbox)) == TABLES
    for name in tables(sandbox):
        described = sandbox.client("dynamodb").describe_table(TableName=name)["Table"]
        assert described["DeletionProtectionEnabled"], name
    deploy_again(sandbox, second, repository)
    assert "taken-down" in plans(second)

    taken_down = run(sandbox, "teardown.sh", *SECOND, "--yes")
    assert taken_down.returncode == 0, taken_down
    lose_the_stack_of_the_tables(sandbox)
    assert (stacks(sandbox), len(tables(sandbox))) == (set(), TABLES)
    sandbox.client("s3").head_bucket(Bucket=EVIDENCE)
    take_over(sandbox)
    deploy_again(sandbox, second, repository)
    assert "taken-down" in plans(second)

    taken_down = run(sandbox, "teardown.sh", *SECOND, "--yes")
    assert taken_down.returncode == 0, taken_down
    again = run(sandbox, "teardown.sh", *SECOND, "--yes")
    assert (again.returncode, "there is no stack" in again.stdout) == (0, True), again
    unnamed = run(sandbox, "teardown.sh", *SECOND, "--yes", "--delete-data", "--confirm", "drs-waves")
    assert unnamed.returncode == 3, unnamed
    assert (stacks(sandbox), len(tables(sandbox))) == ({"drs-waves-second-tables"}, TABLES)
    deleted = run(sandbox, "teardown.sh", *SECOND, "--yes", "--delete-data", "--confirm", "drs-waves-second")
    assert deleted.returncode == 0, deleted
    assert (stacks(sandbox), tables(sandbox)) == (set(), [])
    assert EVIDENCE in deleted.stdout
    assert EVIDENCE not in {each["Name"] for each in sandbox.client("s3").list_buckets()["Buckets"]}
    assert sandbox.client("dynamodb").list_tables()["TableNames"], "those of the other stack"


@pytest.mark.parametrize("script", ["deploy.sh", "teardown.sh"])
@pytest.mark.parametrize("arguments", [(), ("--env", "prod"), ("--env", "PROD", "--region", REGION), ("--what",)])
def test_wrong_usage_is_told_and_changes_nothing(sandbox: Sandbox, script: str, arguments: tuple[str, ...]) -> None:
    assert os.access(ROOT / "scripts" / script, os.X_OK)
    told = run(sandbox, script, *arguments)
    assert told.returncode == 2
    assert f"{script.removesuffix('.sh')}:" in told.stderr
