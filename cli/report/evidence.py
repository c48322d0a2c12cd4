"""Whether the files of evidence are those that the control plane wrote, without AWS.

The manifest has the SHA-256 of each file, and the signature is over the manifest. A page that can be made again from
report.json is made again, and compared.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.report.verify import verify as verify_report
from report.files import CSV_FILE, HTML_FILE, JSON_FILE, MANIFEST_FILE, PLAN_FILE, SIGNATURE_FILE

# The version of the manifest that this command reads.
MANIFEST_SCHEMA = 1
# What `--pdf` prints from the page. It is no evidence, for each printer writes other bytes.
PRINTED_FILE = "report.pdf"

ALGORITHM = "ECDSA_SHA_256"


@dataclass(slots=True)
class Verified:
    """What a check found. `problems` begin with the name of a file, `notes` say what the check does not prove."""

    manifest_sha256: str
    manifest: Mapping[str, Any] = field(default_factory=dict)
    key_arn: str | None = None
    key_source: str | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        names = ("executionId", "planId", "occasion", "writtenAt", "version", "environment", "previous")
        return {
            "isVerified": not self.problems,
            **{name: self.manifest.get(name) for name in names},
            "manifestSha256": self.manifest_sha256,
            "signedBy": self.key_arn,
            "publicKeyFrom": self.key_source,
            "problems": self.problems,
            "notes": self.notes,
        }


def verify_evidence(
    folder: Path, version: str, public_key: bytes | None = None, manifest_sha256: str | None = None
) -> Verified:
    """Hold the files in the folder against their manifest, and the manifest against its signature.

    `public_key` (PEM or DER) is the key that the reader trusts; without it, the one beside the signature is taken.
    `version` is that of this command, `manifest_sha256` the digest that the API has on record, if it was asked. Raise
    OSError for a manifest that cannot be read.
    """
    written = (folder / MANIFEST_FILE).read_bytes()
    found = Verified(hashlib.sha256(written).hexdigest())
    if manifest_sha256 not in (None, found.manifest_sha256):
        found.problems.append(f"{MANIFEST_FILE} has not the SHA-256 that the API has of it.")
    try:
        manifest = json.loads(written)
        files = {str(each["name"]): (int(each["bytes"]), str(each["sha256"])) for each in manifest["files"]}
        schema = manifest["schema"]
        is_named = all(isinstance(manifest[name], str) for name in ("executionId", "planId", "occasion", "writtenAt"))
        if not is_named or len(files) != len(manifest["files"]):
            raise ValueError("a name is missing, or a file is named twice")
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
        found.problems.append(f"{MANIFEST_FILE} is not as drs-waves writes it.")
        return found
    found.manifest = manifest
    if schema != MANIFEST_SCHEMA:
        found.problems.append(f"{MANIFEST_FILE} is by another drs-waves, with the schema {schema}; use that version.")
        return found
    _check_files(folder, files, found)
    _check_signature(folder, written, public_key, found)
    if not found.problems:
        _check_content(folder, version, found)
    return found


def _check_files(folder: Path, files: Mapping[str, tuple[int, str]], found: Verified) -> None:
    for name, (size, sha256) in files.items():
        if not _is_plain(name) or name in (MANIFEST_FILE, SIGNATURE_FILE):
            found.problems.append(f"{MANIFEST_FILE} names {name!r}, which is no file beside it.")
            continue
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:
            found.problems.append(f"{name} is missing.")
            continue
        except IsADirectoryError:
            found.problems.append(f"{name} is a folder.")
            continue
        if len(content) != size:
            found.problems.append(f"{name} has {len(content):,} bytes, and {size:,} in the manifest.")
        elif hashlib.sha256(content).hexdigest() != sha256:
            found.problems.append(f"{name} was changed: it has not the SHA-256 that the manifest has of it.")
    missing = {HTML_FILE, JSON_FILE, CSV_FILE, PLAN_FILE} - files.keys()
    found.problems.extend(f"{name} is not in the manifest." for name in sorted(missing))
    there = {path.name for path in folder.iterdir()} - {MANIFEST_FILE, SIGNATURE_FILE, PRINTED_FILE}
    found.problems.extend(
        f"{name} is in the folder and not in the manifest: it is no part of the evidence."
        for name in sorted(there - files.keys())
    )
    if (folder / PRINTED_FILE).exists():
        found.notes.append(f"{PRINTED_FILE} is a print of {HTML_FILE} and was not checked.")


def _is_plain(name: str) -> bool:
    """Whether it can only be the name of a file in the folder."""
    return Path(name).name == name and name not in ("", "..") and name.isprintable()


def _check_signature(folder: Path, manifest: bytes, public_key: bytes | None, found: Verified) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    signed_by = found.manifest.get("signedBy")
    try:
        written = (folder / SIGNATURE_FILE).read_bytes()
    except FileNotFoundError:
        if public_key or signed_by:
            found.problems.append(f"{SIGNATURE_FILE} is missing, and the evidence was signed.")
        else:
            found.notes.append("It is not signed: who can change a file can change its sum in the manifest.")
        return
    try:
        signed = json.loads(written)
        signature, given = base64.b64decode(signed["signature"], validate=True), str(signed["publicKey"]).encode()
        found.key_arn, algorithm = str(signed["keyArn"]), signed["algorithm"]
    except (LookupError, TypeError, ValueError, RecursionError):
        found.problems.append(f"{SIGNATURE_FILE} is not as drs-waves writes it.")
        return
    found.key_source = "file" if public_key else "evidence"
    try:
        beside = load_public_key(given)
        key = load_public_key(public_key) if public_key else beside
        key.verify(signature, manifest, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        found.problems.append(_describe_mismatch(signature, manifest, beside if public_key else None))
        return
    except (ValueError, UnsupportedAlgorithm):
        found.problems.append(f"{SIGNATURE_FILE} has a public key that is none for {ALGORITHM}.")
        return
    if (algorithm, found.key_arn) != (ALGORITHM, signed_by) or _is_retouched(written, signed, signature, key):
        found.problems.append(f"{SIGNATURE_FILE} was changed: it is not as drs-waves wrote it for this manifest.")
    if not public_key:
        found.notes.append(
            f"The key that {MANIFEST_FILE} was checked with came with the evidence: this does not show who signed it."
        )


def _describe_mismatch(signature: bytes, manifest: bytes, beside: Any | None) -> str:
    """What is known of a signature that does not match. `beside` is the key that came along if another was given."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if beside is None:
        return f"{SIGNATURE_FILE} does not match {MANIFEST_FILE}: one of the two was changed."
    try:
        beside.verify(signature, manifest, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return (
            f"{SIGNATURE_FILE} does not match {MANIFEST_FILE}, neither with the key that was given nor with the one "
            "beside it: one of the two was changed."
        )
    return (
        f"{SIGNATURE_FILE} is not by the key that was given: it matches {MANIFEST_FILE} with the other key beside it. "
        "That key may belong to another stack, or to a forger."
    )


def _is_retouched(written: bytes, signed: Mapping[str, Any], signature: bytes, key: Any) -> bool:
    """Whether the file differs from what the control plane writes of this signature and key."""
    from cryptography.hazmat.primitives import serialization

    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(encoding, form).decode()
    document = {**signed, "signature": base64.b64encode(signature).decode(), "publicKey": pem}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode() != written


def load_public_key(content: bytes) -> Any:
    """The public key of PEM or DER: an elliptic curve's. Raise ValueError, UnsupportedAlgorithm."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    is_pem = content.lstrip().startswith(b"-----")
    load = serialization.load_pem_public_key if is_pem else serialization.load_der_public_key
    key = load(content)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("it is not a key of an elliptic curve")
    return key


def _check_environment(report: Mapping[str, Any], found: Verified) -> None:
    """Whether report and manifest say the same of where the run was: on AWS, or in a sandbox with its own time."""
    written = found.manifest.get("environment")
    written = written if isinstance(written, Mapping) else {}
    if (report.get("environment"), report.get("timeScale")) != (written.get("kind"), written.get("timeScale")):
        found.problems.append(
            f"{JSON_FILE} and {MANIFEST_FILE} differ about where the run was: on AWS, or in a sandbox."
        )
    elif written.get("kind") == "sandbox":
        found.notes.append("The run was in a sandbox: it proves nothing about AWS.")


def _check_content(folder: Path, version: str, found: Verified) -> None:
    """Whether the files are of one run, and the page and the table are those of report.json."""
    for name in (JSON_FILE, PLAN_FILE):
        try:
            content = json.loads((folder / name).read_bytes())
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            found.problems.append(f"{name} is not as drs-waves writes it.")
            return
        if any(content.get(key) != found.manifest.get(key) for key in ("executionId", "planId")):
            found.problems.append(f"{name} is of another run than {MANIFEST_FILE} says.")
        if name == JSON_FILE:
            _check_environment(content, found)
    report = verify_report(folder, version)
    found.problems.extend(report.differences)
    found.notes.extend(report.limits)
