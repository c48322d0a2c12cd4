"""Write the evidence of a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """Where the evidence is in the bucket, and the SHA-256 of its manifest."""

    prefix: str
    manifest_sha256: str


def write_evidence(execution_id: str, occasion: str) -> Written | None:
    """Write it, and return it; None if the stack keeps no evidence."""
    return None
