"""Hashes by which two drills, or a drill and the plan of today, are held against each other.

A hash is the SHA-256, in hex, of JSON with sorted names and without spaces. Its content is what the tables have, so
that a copy in the record of a run has the hash of the row that it was copied from.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from recovery.domain.plan import ProtectionGroup, RecoveryPlan

# What of a plan a drill has tried. A name, a target time or a policy can change without making a drill stale.
_TRIED = ("waves", "before", "after", "launchAttempts")


def plan_hash(plan: RecoveryPlan) -> str:
    """The hash of the plan's waves, actions and attempts: 64 hexadecimal digits."""
    return hash_json({name: value for name, value in plan.to_item().items() if name in _TRIED})


def profiles_hash(groups: Iterable[ProtectionGroup]) -> str:
    """The hash of the launch profiles of these groups, in any order: 64 hexadecimal digits.

    A group without profiles adds nothing, so it is the same for groups that have none as for no groups.
    """
    return hash_json({group.group_id: group.profiles.to_item() for group in groups if group.profiles.to_field()})


def hash_json(content: Any) -> str:
    """The SHA-256 of the content as canonical JSON, in hex."""
    canonical = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """The value as it comes back from DynamoDB, which does not tell 1.0 from 1."""
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
