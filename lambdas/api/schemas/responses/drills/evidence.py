"""Evidence of runs, as the API shows it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time


class EvidenceFile(TypedDict):
    """A file of evidence, in the version that belongs to it."""

    name: Annotated[str, Field(description="The name of the file, such as `report.html`.")]
    bytes: Annotated[int, Field(description="Its size.")]
    sha256: Annotated[str, Field(description="Its SHA-256 in hexadecimal.")]
    versionId: Annotated[
        str,
        Field(description="The version of the object in the bucket. A writer that broke off can have left others."),
    ]


class EvidenceDownload(EvidenceFile):
    """A file of evidence, and where to read it."""

    url: Annotated[str, Field(description="Reads the file for five minutes, without other credentials.")]


class EvidenceFacts(TypedDict):
    """What is known of the evidence of a run on one occasion: its end, or what has come after it."""

    occasion: Annotated[
        str,
        Field(
            description="What has happened to the run: `end`, or the name of a clean-up, a verify after the end, or a "
            "verdict."
        ),
    ]
    writtenAt: Annotated[Time, Field(description="When it was written.")]
    manifestSha256: Annotated[
        str, Field(description="The SHA-256 of `manifest.json`, which has those of the other files.")
    ]
    signedBy: Annotated[
        str | None,
        Field(description="The ARN of the KMS key that has signed the manifest; null if the stack does not sign."),
    ]
    retainUntil: Annotated[
        Time | None,
        Field(description="Until when S3 Object Lock keeps the manifest from being deleted; null if it does not."),
    ]
    bucket: Annotated[str, Field(description="The bucket.")]
    prefix: Annotated[str, Field(description="What the keys of its files in the bucket begin with.")]


_FILES = "Its files; the manifest and its signature are the last."


class Evidence(EvidenceFacts):
    """The evidence of a run on one occasion."""

    executionId: str
    files: Annotated[list[EvidenceFile], Field(description=_FILES)]


class EvidenceOfOccasion(EvidenceFacts):
    """The evidence of a run on one occasion, with URLs of its files."""

    files: Annotated[list[EvidenceDownload], Field(description=_FILES)]


class EvidenceOfExecution(TypedDict):
    """All evidence of a run."""

    executionId: str
    due: Annotated[bool, Field(description="Whether the evidence of the run's end is still to be written.")]
    late: Annotated[
        bool,
        Field(
            description="Whether it is due and the run ended more than an hour ago: the machine keep-evidence has "
            "failed, or waits for a service. It is tried again until it is written."
        ),
    ]
    evidence: Annotated[list[EvidenceOfOccasion], Field(description="That of each occasion, the oldest first.")]


class EvidencePage(Paged):
    """A page of the evidence of a plan."""

    evidence: Annotated[list[Evidence], Field(description="The evidence of this page, the newest first.")]


def build_evidence(row: Mapping[str, Any]) -> Evidence:
    """Evidence from its row, without URLs."""
    files = [_build_file(file) for file in row["files"]]
    return {**_build_facts(row), "executionId": row["executionId"], "files": files}


def build_downloads(row: Mapping[str, Any], urls: Mapping[str, str]) -> EvidenceOfOccasion:
    """Evidence from its row; `urls` are by the name of the file."""
    files: list[EvidenceDownload] = [{**_build_file(file), "url": urls[file["name"]]} for file in row["files"]]
    return {**_build_facts(row), "files": files}


def _build_facts(row: Mapping[str, Any]) -> EvidenceFacts:
    return {
        "occasion": row["occasion"],
        "writtenAt": row["writtenAt"],
        "manifestSha256": row["manifestSha256"],
        "signedBy": row.get("signedBy"),
        "retainUntil": row.get("retainUntil"),
        "bucket": row["bucket"],
        "prefix": row["prefix"],
    }


def _build_file(file: Mapping[str, Any]) -> EvidenceFile:
    return {
        "name": file["name"],
        "bytes": file["bytes"],
        "sha256": file["sha256"],
        "versionId": file["versionId"],
    }
