"""Every run ends with its evidence in the bucket: complete, of one writer, and verifiable without AWS."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from cli.main import app
from cli.report.evidence import Verified, verify_evidence
from recovery import VERSION
from tests.support.api_http_server import ApiHttpServer
from tests.support.due_evidence import change_settings, due
from tests.support.fault_injection import CHANGES, Call, calls_through, killed_after_change
from tests.support.product import EVIDENCE_BUCKET, STACK, WEST, Product
from tests.support.time_travel import pass_hours

ALIAS = f"alias/{STACK}-evidence"


def rows(product: Product) -> list[dict[str, Any]]:
    return [row for row in product.items("Drills") if row["item"].startswith("EVIDENCE#")]


def kept(product: Product) -> Any:
    """The last execution of keep-evidence, when it has ended."""
    return product.engine.executions("keep-evidence")[-1].wait(60)


def read(product: Product, row: dict[str, Any]) -> dict[str, bytes]:
    """The files that the row names, in their versions."""
    client = product.engine.client("s3")
    return {
        file["name"]: client.get_object(
            Bucket=row["bucket"], Key=row["prefix"] + file["name"], VersionId=file["versionId"]
        )["Body"].read()
        for file in row["files"]
    }


def verified(product: Product, row: dict[str, Any], folder: Path) -> Verified:
    """What the command finds in the files of the row."""
    folder.mkdir(parents=True)
    for name, content in read(product, row).items():
        (folder / name).write_bytes(content)
    found = verify_evidence(folder, VERSION)
    assert found.manifest_sha256 == row["manifestSha256"]
    return found


def planned(product: Product, servers: int = 2) -> str:
    return product.plan({"name": "web", "groups": [product.group(product.seed(servers))]})


def signs(product: Product) -> str:
    """Let the stack have a key that signs; return its ARN."""
    kms = product.engine.client("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    kms.create_alias(AliasName=ALIAS, TargetKeyId=key["KeyId"])
    change_settings(product, EVIDENCE_KEY=ALIAS)
    return str(key["Arn"])


def write(product: Product, execution_id: str, occasion: str = "end") -> Any:
    return product.engine.invoke("WriteEvidence", {"executionId": execution_id, "occasion": occasion})


@pytest.mark.evidence
def test_the_end_of_a_drill_leaves_evidence_whose_manifest_names_every_file(product: Product, tmp_path: Path) -> None:
    plan_id = planned(product)
    execution_id = product.drill(plan_id)["executionId"]
    assert kept(product).status == "SUCCEEDED"
    (row,) = rows(product)
    files = read(product, row)
    manifest = json.loads(files["manifest.json"])
    assert row["prefix"] == f"evidence/{plan_id}/{execution_id}/end/"
    assert row["bucket"] == EVIDENCE_BUCKET
    named = {each["name"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}
    assert named == {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in files.items()
        if name != "manifest.json"
    }
    assert set(named) == {"report.html", "report.json", "servers.csv", "plan.json"}
    assert due(product) == []
    found = verified(product, row, tmp_path / "evidence")
    assert (found.problems, found.manifest["previous"]) == ([], None)
    report = json.loads(files["report.json"])
    assert (report["environment"], report["timeScale"]) == ("sandbox", product.engine.speed)
    assert report["madeAt"] > report["asOf"]
    assert (manifest["environment"]["kind"], manifest["environment"]["timeScale"]) == ("sandbox", product.engine.speed)
    assert b"This report proves nothing about AWS" in files["report.html"]
    plan = json.loads(files["plan.json"])
    assert plan["plan"]["waves"][0]["name"] == "web"
    assert len(plan["protectionGroups"]) == 1
    assert len(plan["planHash"]) == 64


def test_evidence_is_signed_by_the_key_of_the_stack(product: Product, tmp_path: Path) -> None:
    key = signs(product)
    execution_id = product.drill(planned(product, 1))["executionId"]
    write(product, execution_id)
    (row,) = rows(product)
    assert row["signedBy"] == key
    found = verified(product, row, tmp_path / "evidence")
    assert (found.problems, found.key_arn, found.manifest["signedBy"]) == ([], key, key)
    assert [file["name"] for file in row["files"]][-2:] == ["manifest.json", "manifest.sig"]


def test_evidence_names_the_evidence_of_the_plan_before_it(product: Product, tmp_path: Path) -> None:
    plan_id = planned(product, 1)
    first, second = product.drill(plan_id)["executionId"], product.drill(plan_id)["executionId"]
    write(product, first)
    write(product, second)
    before, after = sorted(rows(product), key=lambda row: str(row["writtenAt"]))
    previous = verified(product, after, tmp_path / "second").manifest["previous"]
    assert previous == {"executionId": first, "occasion": "end", "manifestSha256": before["manifestSha256"]}


def test_a_drill_of_an_edited_plan_has_another_hash(product: Product) -> None:
    plan_id = planned(product, 1)
    first = product.drill(plan_id)["executionId"]
    plan = product.request("GET", f"/recovery-plans/{plan_id}").body
    waves = [{**plan["waves"][0], "maxFailedPercent": 10}]
    body = {"name": plan["name"], "waves": waves, "version": plan["version"]}
    assert product.request("PUT", f"/recovery-plans/{plan_id}", body).status == 200
    second = product.drill(plan_id)["executionId"]
    for execution_id in (first, second):
        write(product, execution_id)
    hashes = {json.loads(read(product, row)["plan.json"])["planHash"] for row in rows(product)}
    assert len(hashes) == 2


@pytest.mark.evidence
@pytest.mark.real_durations
def test_a_run_that_was_aborted_in_step_functions_has_evidence_too(product: Product, tmp_path: Path) -> None:
    execution_id = product.start(planned(product, 1))
    machine = product.machine(execution_id).wait_for_state("RecoverTargets")
    machine.stop()
    product.engine.invoke("CloseExecution", {"detail": {"name": execution_id, "status": "ABORTED"}})
    assert kept(product).status == "SUCCEEDED"
    (row,) = rows(product)
    assert verified(product, row, tmp_path / "evidence").problems == []
    assert "stopped from outside" in json.loads(read(product, row)["report.json"])["verdict"]["reason"]


WRITES = {*CHANGES, "PutObject", "Sign"}


@pytest.mark.parametrize("number", range(1, 9))
def test_a_writer_that_is_killed_after_any_write_is_followed_by_one_complete_evidence(
    product: Product, tmp_path: Path, number: int
) -> None:
    signs(product)
    execution_id = product.drill(planned(product, 1))["executionId"]
    with killed_after_change("WriteEvidence", number, WRITES) as made:
        assert "ExitError" in str(write(product, execution_id))
    assert len(made) == number
    assert (len(rows(product)), due(product)) == (int(number == 8), [] if number == 8 else [execution_id])
    write(product, execution_id)
    (row,) = rows(product)
    assert verified(product, row, tmp_path / "evidence").problems == []
    assert due(product) == []


def test_evidence_that_is_there_is_not_written_again(product: Product) -> None:
    execution_id = product.drill(planned(product, 1))["executionId"]
    first = write(product, execution_id)
    versions = product.engine.client("s3").list_object_versions(Bucket=EVIDENCE_BUCKET)["Versions"]
    assert write(product, execution_id) == first
    assert len(product.engine.client("s3").list_object_versions(Bucket=EVIDENCE_BUCKET)["Versions"]) == len(versions)
    assert len(rows(product)) == 1


def test_two_writers_at_once_leave_one_evidence_of_one_writer(product: Product, tmp_path: Path) -> None:
    """The second writes all its files between the manifest and the row of the first."""
    execution_id = product.drill(planned(product, 1))["executionId"]
    answers = list[Any]()

    def overtaking(call: Call) -> Call:
        def made(self: Any, operation: str, parameters: Any) -> Any:
            answer = call(self, operation, parameters)
            if operation == "HeadObject" and not answers:
                answers.append(None)
                answers.append(write(product, execution_id))
            return answer

        return made

    with calls_through(overtaking):
        answers.append(write(product, execution_id))
    assert answers[1] == answers[2]
    (row,) = rows(product)
    assert row["manifestSha256"] == answers[1]["manifestSha256"]
    assert verified(product, row, tmp_path / "evidence").problems == []


def test_evidence_of_another_run_at_the_same_moment_keeps_the_chain_in_one_line(product: Product) -> None:
    plan_id = planned(product, 1)
    first, second = product.drill(plan_id)["executionId"], product.drill(plan_id)["executionId"]
    overtook = list[Any]()

    def overtaking(call: Call) -> Call:
        def made(self: Any, operation: str, parameters: Any) -> Any:
            answer = call(self, operation, parameters)
            if operation == "HeadObject" and not overtook:
                overtook.append(None)
                write(product, second)
            return answer

        return made

    with calls_through(overtaking):
        write(product, first)
    manifests = {row["executionId"]: json.loads(read(product, row)["manifest.json"]) for row in rows(product)}
    assert manifests[second]["previous"] is None
    assert manifests[first]["previous"]["executionId"] == second


@pytest.mark.evidence
def test_evidence_waits_while_kms_is_down_and_comes_afterwards(product: Product, tmp_path: Path) -> None:
    signs(product)
    refused = list[str]()

    def down(call: Call) -> Call:
        def made(self: Any, operation: str, parameters: Any) -> Any:
            if operation == "Sign" and len(refused) < 2:
                refused.append(operation)
                answer = {"Error": {"Code": "KMSInternalException"}, "ResponseMetadata": {"HTTPStatusCode": 500}}
                raise ClientError(answer, operation)  # type: ignore[arg-type]  # what the retry looks at
            return call(self, operation, parameters)

        return made

    with calls_through(down):
        product.drill(planned(product, 1))
        assert kept(product).status == "SUCCEEDED"
    assert len(refused) == 2
    (row,) = rows(product)
    assert verified(product, row, tmp_path / "evidence").problems == []


def test_a_stack_without_a_bucket_owes_no_evidence(product: Product) -> None:
    change_settings(product, EVIDENCE_BUCKET="")
    execution_id = product.drill(planned(product, 1))["executionId"]
    assert write(product, execution_id) == {"prefix": None, "manifestSha256": None}
    assert (rows(product), due(product)) == ([], [])


@pytest.mark.evidence
def test_a_clean_up_is_an_occasion_of_its_own(product: Product, tmp_path: Path) -> None:
    execution_id = product.drill(planned(product, 1))["executionId"]
    kept(product)
    reply = product.request("POST", f"/executions/{execution_id}/cleanup", {})
    assert reply.status == 202, reply
    product.engine.executions("clean-up-drill")[-1].wait(60)
    assert kept(product).status == "SUCCEEDED"
    end, cleaned = sorted(rows(product), key=lambda row: str(row["writtenAt"]))
    assert (end["occasion"], cleaned["occasion"].partition("-")[0]) == ("end", "cleanup")
    report = json.loads(read(product, cleaned)["report.json"])
    assert report["cleanup"]["status"] == "COMPLETED"
    assert verified(product, cleaned, tmp_path / "cleaned").problems == []
    assert due(product) == []


# --- evidence that is late ---
def test_evidence_that_is_not_written_an_hour_after_the_end_is_late(product: Product) -> None:
    execution_id = product.drill(planned(product, 1))["executionId"]
    pass_hours(product, 2)
    path = f"/executions/{execution_id}/evidence"
    assert {name: product.request("GET", path).body[name] for name in ("due", "late")} == {"due": True, "late": True}
    with ApiHttpServer(product) as server:
        listed = CliRunner().invoke(app, ["evidence", "list", execution_id, "--api-url", server.url, "--region", WEST])
    assert "keep-evidence in Step Functions says what fails" in " ".join(listed.stderr.split()), listed.output
    write(product, execution_id)
    assert not product.request("GET", path).body["late"]


# --- the API ------------------------------------------------------------------------------------------------------
def test_the_api_lists_evidence_with_urls_that_read_these_versions(product: Product) -> None:
    plan_id = planned(product, 1)
    execution_id = product.drill(plan_id)["executionId"]
    waiting = product.request("GET", f"/executions/{execution_id}/evidence").body
    assert waiting == {"executionId": execution_id, "due": True, "late": False, "evidence": []}
    write(product, execution_id)
    told = product.request("GET", f"/executions/{execution_id}/evidence").body
    ((row,), (shown,)) = rows(product), told["evidence"]
    assert (told["due"], shown["manifestSha256"]) == (False, row["manifestSha256"])
    for file, kept_file in zip(shown["files"], row["files"], strict=True):
        assert f"versionId={kept_file['versionId']}" in file["url"]
        assert "X-Amz-Expires=300" in file["url"]
        assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in file["url"]
    listed = product.request("GET", f"/recovery-plans/{plan_id}/evidence").body
    assert [each["executionId"] for each in listed["evidence"]] == [execution_id]
    assert "url" not in json.dumps(listed)


def test_evidence_of_a_plan_is_read_page_by_page_newest_first_also_after_its_deletion(product: Product) -> None:
    plan_id = planned(product, 1)
    runs = [product.drill(plan_id)["executionId"] for _ in range(3)]
    for execution_id in runs:
        write(product, execution_id)
    assert product.request("DELETE", f"/recovery-plans/{plan_id}").status == 204
    first = product.request("GET", f"/recovery-plans/{plan_id}/evidence", limit="2").body
    token = first["nextToken"]
    second = product.request("GET", f"/recovery-plans/{plan_id}/evidence", limit="2", nextToken=token).body
    assert [each["executionId"] for each in (*first["evidence"], *second["evidence"])] == runs[::-1]
    assert second["nextToken"] is None
    assert product.request("GET", "/recovery-plans/rp-000000000000/evidence").status == 404
    assert product.request("GET", "/executions/drill-20200101-000000-000000/evidence").status == 404
    assert product.request("GET", f"/recovery-plans/{plan_id}/evidence", nextToken="x").status == 400
