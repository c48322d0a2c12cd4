"""Examples of the answers about evidence, for the OpenAPI document."""

from typing import Any

from api.openapi.example_values import ACCOUNT, AT, LATER, PLAN, REGION, RUN

_BUCKET, _PREFIX = f"drs-waves-prod-{ACCOUNT}-{REGION}", f"evidence/{PLAN}/{RUN}/end/"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # pragma: allowlist secret

_file = {"name": "manifest.json", "bytes": 1214, "sha256": _SHA256, "versionId": "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"}

_evidence = {
    "occasion": "end",
    "writtenAt": AT,
    "manifestSha256": _SHA256,
    "signedBy": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "retainUntil": LATER,
    "bucket": _BUCKET,
    "prefix": _PREFIX,
}

EVIDENCE_ANSWERS: dict[str, dict[str, Any]] = {
    "EvidenceOfExecution": {
        "executionId": RUN,
        "due": False,
        "late": False,
        "evidence": [
            {
                **_evidence,
                "files": [{**_file, "url": f"https://{_BUCKET}.s3.amazonaws.com/{_PREFIX}manifest.json?X-Amz-…"}],
            }
        ],
    },
    "EvidencePage": {"evidence": [{"executionId": RUN, **_evidence, "files": [_file]}], "nextToken": None},
}
