"""Ids: 17 hex digits after a prefix."""

import hashlib
import uuid


def new_id(prefix: str) -> str:
    """Never the same twice, even after a reset or a restart with the same seed: callers keep job ids in databases."""
    return prefix + uuid.uuid4().hex[:17]


def stable_id(prefix: str, *parts: object) -> str:
    """The same for the same parts, so that a world seeded twice has the same servers and recovery points."""
    return prefix + digest(*parts)[:17]


def digest(*parts: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()
