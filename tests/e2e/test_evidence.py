"""Evidence of a run on the deployed product: written with the rights of its role, signed, locked, got and verified."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from sandbox.settings import HUB_ACCOUNT, REGION, STACK_NAME
from sandbox.stack import Sandbox
from tests.support.deployed import Operator
from tests.support.deployed_command import environment, plan

pytestmark = pytest.mark.e2e

BUCKET = f"{STACK_NAME}-{HUB_ACCOUNT}-{REGION}"


def run(sandbox: Sandbox, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("drs-waves")), "evidence", *words]
    if words[0] != "verify":
        command += ["--api-url", sandbox.api_url, "--region", REGION]
    return subprocess.run(command, capture_output=True, text=True, env=environment(sandbox), timeout=90, check=False)


def await_evidence(operator: Operator, execution_id: str) -> None:
    """Wait until the evidence of its end is written."""
    for _ in range(120):
        if not operator.request("GET", f"/executions/{execution_id}/evidence").body["due"]:
            return
        time.sleep(0.5)
    raise AssertionError("no evidence within a minute")


def test_evidence_of_a_drill_is_got_verified_and_refused_after_one_changed_byte(
    operator: Operator, sandbox: Sandbox, tmp_path: Path
) -> None:
    execution_id = operator.drill(plan(operator, "evident"))["executionId"]
    await_evidence(operator, execution_id)
    listed = run(sandbox, "list", execution_id, "--output", "json")
    assert listed.returncode == 0, listed
    (told,) = json.loads(listed.stdout)["evidence"]
    assert (told["bucket"], told["occasion"]) == (BUCKET, "end")
    assert told["retainUntil"], "the bucket locks"

    folder = tmp_path / "evidence"
    got = run(sandbox, "get", execution_id, "--to", str(folder))
    assert got.returncode == 0, got
    assert "is as it was written" in got.stdout
    kms = sandbox.client("kms")
    key = kms.get_public_key(KeyId=f"alias/{STACK_NAME}-evidence")
    assert told["signedBy"] == key["KeyId"]
    (tmp_path / "key.der").write_bytes(key["PublicKey"])
    verified = run(sandbox, "verify", str(folder), "--public-key", str(tmp_path / "key.der"))
    assert verified.returncode == 0, verified

    for name in ("report.html", "report.json", "servers.csv", "plan.json", "manifest.json", "manifest.sig"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
        refused = run(sandbox, "verify", str(folder), "--public-key", str(tmp_path / "key.der"))
        assert (refused.returncode, name in refused.stderr) == (1, True), refused
        (folder / name).write_bytes(content)


def test_a_version_of_evidence_cannot_be_deleted_while_it_is_locked(operator: Operator, sandbox: Sandbox) -> None:
    execution_id = operator.drill(plan(operator, "linked"))["executionId"]
    await_evidence(operator, execution_id)
    (evidence,) = operator.request("GET", f"/executions/{execution_id}/evidence").body["evidence"]
    s3 = sandbox.client("s3")
    manifest = next(file for file in evidence["files"] if file["name"] == "manifest.json")
    named = {"Bucket": BUCKET, "Key": evidence["prefix"] + "manifest.json", "VersionId": manifest["versionId"]}
    with pytest.raises(ClientError):
        s3.delete_object(**named)
    assert s3.head_object(**named)["ObjectLockMode"] == "GOVERNANCE"
