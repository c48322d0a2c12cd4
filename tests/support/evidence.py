"""Evidence in a folder, as write-evidence writes it, without AWS."""

import base64
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from evidence.files import EvidenceFile, make_manifest, write_json
from report.collect import make_texts
from report.document import Facts
from report.files import CSV_FILE, HTML_FILE, JSON_FILE, PLAN_FILE, SIGNATURE_FILE

KEY_ARN = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def make_key() -> ec.EllipticCurvePrivateKey:
    """A key like that of the stack."""
    return ec.generate_private_key(ec.SECP256R1())


def write_public_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Its public part, PEM."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def write_folder(facts: Facts, folder: Path, key: ec.EllipticCurvePrivateKey | None = None, **environment: Any) -> None:
    """Write the evidence of the run, signed by the key. `environment` is what its manifest says beside the truth."""
    texts, record = make_texts(facts), facts.record
    names = {"executionId": record["executionId"], "planId": record["planId"]}
    files = [
        EvidenceFile(HTML_FILE, texts.html.encode()),
        EvidenceFile(JSON_FILE, texts.json.encode()),
        EvidenceFile(CSV_FILE, texts.csv.encode()),
        EvidenceFile(PLAN_FILE, write_json({"schema": 1, **names})),
    ]
    told = {"stack": "s", "kind": "sandbox" if facts.is_sandbox else "aws", "timeScale": facts.speed, **environment}
    manifest = make_manifest(
        names, "end", "2026-11-22T09:00:00.000Z", told, files, None, signed_by=KEY_ARN if key else None
    )
    files.append(manifest)
    if key:
        signature = key.sign(manifest.content, ec.ECDSA(hashes.SHA256()))
        document = {
            "keyArn": KEY_ARN,
            "algorithm": "ECDSA_SHA_256",
            "signature": base64.b64encode(signature).decode(),
            "publicKey": write_public_key(key).decode(),
        }
        files.append(EvidenceFile(SIGNATURE_FILE, write_json(document)))
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file.name).write_bytes(file.content)
