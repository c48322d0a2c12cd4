"""Write the evidence of a run."""

from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger

from evidence.files import EvidenceFile, make_files, make_manifest, write_json
from evidence.in_process import InProcessReader
from recovery import clock
from recovery.aws import kms, s3
from recovery.domain.drills.fingerprints import plan_hash, profiles_hash
from recovery.domain.execution import Run
from recovery.errors import AwsUnavailable
from recovery.settings import environment_name, is_emulated, settings, stack_name
from recovery.store import executions, run_requests
from recovery.store.drills import evidence_rows
from report.files import SIGNATURE_FILE

logger = Logger(child=True)

PREFIX = "evidence/"
# Runs of one plan end one after the other, but a clean-up and a verdict can be at the same moment.
MAX_CHAIN_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Written:
    """Where the evidence is in the bucket, and the SHA-256 of its manifest."""

    prefix: str
    manifest_sha256: str


def write_evidence(execution_id: str, occasion: str) -> Written | None:
    """Write it, and return it; None if the stack keeps no evidence.

    The manifest and its signature are written last, then the row that names the version of each file. A writer that is
    killed, or comes second, leaves versions that no row names; the one that is repeated writes all files again. Raise
    AwsUnavailable, ClientError.
    """
    bucket = settings().evidence_bucket
    if not bucket:
        evidence_rows.remove_due(execution_id, occasion)
        return None
    run = executions.get_run(execution_id)
    if row := evidence_rows.read_evidence(run.plan_id, execution_id, occasion):
        evidence_rows.remove_due(execution_id, occasion)
        return Written(row["prefix"], row["manifestSha256"])
    prefix = f"{PREFIX}{run.plan_id}/{execution_id}/{occasion}/"
    files = make_files(InProcessReader(), execution_id, _hash_as_run(execution_id))
    rows = [_put(bucket, prefix, file) for file in files]
    for _ in range(MAX_CHAIN_ATTEMPTS):
        if written := _seal(bucket, prefix, run, occasion, files, rows):
            return written
    raise AwsUnavailable(f"other evidence of plan {run.plan_name!r} is being written; try again")


def _hash_as_run(execution_id: str) -> dict[str, str]:
    plan, groups = run_requests.get_plan(execution_id), run_requests.get_groups(execution_id)
    return {"planHash": plan_hash(plan), "profilesHash": profiles_hash(groups.values())}


def _put(bucket: str, prefix: str, file: EvidenceFile) -> dict[str, Any]:
    version_id = s3.put(bucket, prefix + file.name, file.content, file.sha256, file.media_type)
    return {"name": file.name, "bytes": len(file.content), "sha256": file.sha256, "versionId": version_id}


def _seal(
    bucket: str, prefix: str, run: Run, occasion: str, files: list[EvidenceFile], rows: list[dict[str, Any]]
) -> Written | None:
    """Write manifest, signature and row; None if other evidence of the plan was recorded meanwhile."""
    previous, written_at = evidence_rows.read_last(run.plan_id), clock.iso()
    names = {"executionId": run.execution_id, "planId": run.plan_id}
    environment = {
        "stack": stack_name(),
        "environment": environment_name(),
        "kind": "sandbox" if is_emulated() else "aws",
        "timeScale": clock.speed(),
    }
    alias = settings().evidence_key
    key = kms.read_public_key(alias) if alias else None
    signed_by = key.arn if key else None
    manifest = make_manifest(names, occasion, written_at, environment, files, previous, signed_by=signed_by)
    sealed = [_put(bucket, prefix, manifest)]
    if key:
        document = {
            "keyArn": key.arn,
            "algorithm": kms.ALGORITHM,
            "signature": kms.sign(key.arn, manifest.sha256),
            "publicKey": key.pem,
        }
        sealed.append(_put(bucket, prefix, EvidenceFile(SIGNATURE_FILE, write_json(document))))
    evidence = {
        "executionId": run.execution_id,
        "occasion": occasion,
        "writtenAt": written_at,
        "bucket": bucket,
        "prefix": prefix,
        "manifestSha256": manifest.sha256,
        "signedBy": signed_by,
        "files": rows + sealed,
        "retainUntil": s3.find_retention(bucket, prefix + manifest.name, sealed[0]["versionId"]),
    }
    if evidence_rows.record_evidence(run.plan_id, evidence, previous):
        return Written(prefix, manifest.sha256)
    row = evidence_rows.read_evidence(run.plan_id, run.execution_id, occasion)
    logger.info("evidence was recorded meanwhile", extra={"occasion": occasion, "bySame": row is not None})
    return Written(row["prefix"], row["manifestSha256"]) if row else None
