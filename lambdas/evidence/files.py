"""The files of evidence: the report, the plan as it was run, and the manifest with their sums."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery import VERSION, clock
from report import collect
from report.files import CSV_FILE, HTML_FILE, JSON_FILE, MANIFEST_FILE, PLAN_FILE
from report.reader import NotRead, Reader

MEDIA_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}

MANIFEST_SCHEMA = PLAN_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file, with its SHA-256 in hexadecimal."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The sum that `sha256sum` prints."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def media_type(self) -> str:
        """The Content-Type that S3 answers with."""
        return MEDIA_TYPES.get(self.name.rpartition(".")[2], "application/json")


def make_files(api: Reader, execution_id: str, hashes: Mapping[str, str]) -> list[EvidenceFile]:
    """The report as the command makes it, and the plan as it was run. Raise NotRead, AwsUnavailable.

    `hashes` are those by which a drill is held against the plan of today.
    """
    record = api.get(f"/executions/{execution_id}")
    texts = collect.make_texts(collect.collect_facts(api, record, speed=clock.speed(), made_at=clock.iso()))
    return [
        EvidenceFile(HTML_FILE, texts.html.encode()),
        EvidenceFile(JSON_FILE, texts.json.encode()),
        EvidenceFile(CSV_FILE, texts.csv.encode()),
        EvidenceFile(PLAN_FILE, write_json(describe_plan(api, record, hashes))),
    ]


def describe_plan(api: Reader, record: Mapping[str, Any], hashes: Mapping[str, str]) -> dict[str, Any]:
    """The plan with its groups and their launch profiles as they were when the run was started.

    `previous` is the drill of the plan before this one, and `changes` what of the plan has changed since. Both are None
    if there is no drill before it.
    """
    execution_id = record["executionId"]
    groups = api.list_items(f"/executions/{execution_id}/protection-groups", "protectionGroups")
    compared = _read_assessment(api, execution_id)
    return {
        "schema": PLAN_SCHEMA,
        "executionId": execution_id,
        "planId": record["planId"],
        **hashes,
        "plan": api.get(f"/executions/{execution_id}/recovery-plan"),
        "protectionGroups": sorted(groups, key=lambda group: str(group["groupId"])),
        "previous": compared.get("previous"),
        "changes": compared.get("changes"),
    }


def _read_assessment(api: Reader, execution_id: str) -> Mapping[str, Any]:
    try:
        found: dict[str, Any] = api.get(f"/executions/{execution_id}/assessment")
    except NotRead:  # it is no drill
        return {}
    return found


def make_manifest(
    run: Mapping[str, Any],
    occasion: str,
    written_at: str,
    environment: Mapping[str, Any],
    files: Sequence[EvidenceFile],
    previous: Mapping[str, Any] | None,
    *,
    signed_by: str | None,
) -> EvidenceFile:
    """The manifest.

    `previous` is the evidence of the plan before it, so that none can be missing unnoticed; `signed_by` the key that
    signs it.
    """
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "executionId": run["executionId"],
        "planId": run["planId"],
        "occasion": occasion,
        "writtenAt": written_at,
        "version": VERSION,
        "environment": dict(environment),
        "previous": dict(previous) if previous else None,
        "signedBy": signed_by,
        "files": [{"name": each.name, "bytes": len(each.content), "sha256": each.sha256} for each in files],
    }
    return EvidenceFile(MANIFEST_FILE, write_json(manifest))


def write_json(document: Mapping[str, Any]) -> bytes:
    """The bytes of a JSON file."""
    return (json.dumps(document, indent=2, ensure_ascii=False, sort_keys=False) + "\n").encode()
