"""Starting a sync of the cache in the background, and reading its status."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from recovery import clock
from recovery.aws import step_functions
from recovery.cache import sync_status
from recovery.cache.sync_status import FAILED
from recovery.domain.target import Target
from recovery.errors import AwsUnavailable, StartFailed


def start_cache_sync(targets: Sequence[Target]) -> dict[str, Any]:
    """Start sync-cache for these targets, or for all of them; return `{sync, startedAt}`. Raise StartFailed.

    Two syncs at once do no harm, so there is no lock.
    """
    payload = {"targets": [target.to_state() for target in targets]} if targets else {}
    try:
        name = step_functions.start(step_functions.sync_cache_arn(), payload)
    except (AwsUnavailable, ClientError) as error:
        raise StartFailed(f"the sync could not be started: {error}") from error
    return {"sync": name, "startedAt": clock.iso()}


def read_sync_status() -> dict[str, Any]:
    """The status (NEVER, OK, or DEGRADED when a target's last sync failed), each target, and the last sync of all."""
    targets, last = sync_status.read_all()
    failed = any(row.status == FAILED for row in targets)
    return {
        "status": "NEVER" if not targets and last is None else "DEGRADED" if failed else "OK",
        "lastSync": {name: last.get(name) for name in ("beganAt", "endedAt", "targets", "failed")} if last else None,
        "targets": [
            {
                **row.target.to_state(),
                "status": row.status,
                "lastSyncAt": row.last_sync_at,
                "instances": row.instances,
                "seconds": row.seconds,
                "error": row.error,
                "failedAt": row.failed_at,
            }
            for row in targets
        ],
    }
