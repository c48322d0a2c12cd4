"""The files of the evidence of a run: read from the bucket, held against the record, and verified."""

import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.api_client import ApiClient, ApiUnreachable
from cli.report.download import FileRefused, download
from recovery import VERSION
from recovery.free_text import flatten

# Files are read into memory. The reports of 10,000 servers have some ten megabytes.
MAX_BYTES = 256 * 1024 * 1024
# Verifications at a time: each makes the page of a report again.
_VERIFYING = threading.Semaphore(2)
_OCCASIONS = {
    "end": "When the run ended",
    "cleanup": "After a clean-up",
    "verify": "After checks were made again",
    "verdict": "After a verdict",
}


class NotAsRecorded(Exception):
    """A file is not what the record of the evidence says, or cannot be read. The message is in words."""


def name_occasion(occasion: str) -> str:
    """`After a verdict`; an occasion of a newer version stays as it is."""
    return _OCCASIONS.get(occasion.partition("-")[0], occasion)


def find_evidence(api: ApiClient, run_id: str, occasion: str) -> dict[str, Any] | None:
    """The evidence of the run on this occasion, with new addresses of its files; None if there is none.

    Raise ApiRefused, ApiUnreachable.
    """
    found = api.get(f"/executions/{run_id}/evidence")
    return next((each for each in found["evidence"] if each["occasion"] == occasion), None)


def read_file(api: ApiClient, file: Mapping[str, Any]) -> bytes:
    """The contents of the file, from the bucket.

    Raise NotAsRecorded for other contents than the record has, ApiUnreachable if the bucket does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        (path,) = _download(api, [file], Path(folder))
        return path.read_bytes()


def verify(api: ApiClient, found: Mapping[str, Any]) -> dict[str, Any]:
    """What `drs-waves evidence verify` says of this evidence: `isVerified`, `problems` and `notes`.

    Raise NotAsRecorded for files that are not those of the record, ApiUnreachable.
    """
    from cli.report.evidence import verify_evidence  # cryptography takes longer to import than a page may take

    with _VERIFYING, tempfile.TemporaryDirectory() as folder:
        _download(api, found["files"], Path(folder))
        return verify_evidence(Path(folder), VERSION, manifest_sha256=found["manifestSha256"]).to_json()


def _download(api: ApiClient, files: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    schemes = ("https", "http") if api.is_emulated else ("https",)
    if any(urlsplit(str(file["url"])).scheme not in schemes for file in files):
        raise NotAsRecorded("The API names an address that is none of a bucket.")
    if sum(int(file["bytes"]) for file in files) > MAX_BYTES:
        raise NotAsRecorded("The evidence is too large for the console. The command reads it: drs-waves evidence get")
    try:
        return download(files, folder)
    except FileRefused as error:
        raise NotAsRecorded(flatten(error)) from error
    except ApiUnreachable as error:  # its text has the address of a file, which lets anyone read it
        host = urlsplit(str(files[0]["url"])).netloc
        raise ApiUnreachable(f"The bucket of the evidence does not answer at {flatten(host)}.") from error
