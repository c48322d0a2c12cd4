"""Every run ends with its evidence in the bucket: complete, of one writer, and verifiable without AWS."""

import hashlib
import json
from typing import Any

import pytest

from tests.support.product import EVIDENCE_BUCKET, Product
from tests.workflow.test_evidence_due import due


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


@pytest.mark.evidence
def test_the_end_of_a_drill_leaves_evidence_whose_manifest_names_every_file(product: Product) -> None:
    plan_id = product.plan({"name": "web", "groups": [product.group(product.seed(2))]})
    execution_id = product.drill(plan_id)["executionId"]
    assert kept(product).status == "SUCCEEDED"
    (row,) = rows(product)
    files = read(product, row)
    manifest = json.loads(files["manifest.json"])
    assert row["prefix"] == f"evidence/{plan_id}/{execution_id}/end/"
    assert row["bucket"] == EVIDENCE_BUCKET
    assert row["manifestSha256"] == hashlib.sha256(files["manifest.json"]).hexdigest()
    named = {each["name"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}
    assert named == {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in files.items()
        if name != "manifest.json"
    }
    assert set(named) == {"report.html", "report.json", "servers.csv", "plan.json"}
    assert due(product) == []
