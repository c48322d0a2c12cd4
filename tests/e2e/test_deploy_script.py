"""scripts/deploy.sh as an engineer runs it, against the sandbox in the place of AWS."""

import os
import subprocess
from pathlib import Path

import pytest

from sandbox.stack import REGION, Sandbox

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]


def deploy(sandbox: Sandbox, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(ROOT / "scripts" / "deploy.sh"), *arguments]
    environment = {**sandbox.caller_environment(), "DRS_WAVES_BUCKET": "drs-waves-engineers"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, stdin=subprocess.DEVNULL
    )


def test_a_stack_is_shown_before_it_is_deployed_and_then_deployed(sandbox: Sandbox) -> None:
    assert os.access(ROOT / "scripts" / "deploy.sh", os.X_OK)
    where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    sandbox.client("s3").create_bucket(Bucket="drs-waves-engineers", **where)
    wanted = ("--env", "second", "--region", REGION)

    unasked = deploy(sandbox, *wanted)
    assert unasked.returncode == 3, unasked
    assert "AWS::DynamoDB::Table" in unasked.stdout
    assert "--yes" in unasked.stderr

    deployed = deploy(sandbox, *wanted, "--yes", "LogLevel=DEBUG", "DeletionProtection=false")
    assert deployed.returncode == 0, deployed
    assert "ApiUrl" in deployed.stdout
    stacks = sandbox.client("cloudformation").describe_stacks(StackName="drs-waves-second")["Stacks"]
    assert stacks[0]["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.parametrize("arguments", [(), ("--env", "prod"), ("--env", "PROD", "--region", REGION), ("--what",)])
def test_wrong_usage_is_told_and_deploys_nothing(sandbox: Sandbox, arguments: tuple[str, ...]) -> None:
    told = deploy(sandbox, *arguments)
    assert told.returncode == 2
    assert "deploy:" in told.stderr
