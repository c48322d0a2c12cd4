"""Ids of resources: a prefix and 17 hex digits."""

import hashlib
import uuid


def new_id(prefix: str) -> str:
    """Draw an id that is unique even after a reset or a restart, because callers store job ids in databases."""
    return prefix + uuid.uuid4().hex[:17]


def stable_id(prefix: str, *parts: object) -> str:
    """Derive an id from `parts`, so that seeding the same servers twice gives the same ids and recovery points."""
    return prefix + digest(*parts)[:17]


def digest(*parts: object) -> str:
    """Hash `parts` to hex digits."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()
