"""Starting a sync of the cache without waiting for it, and telling how fresh the cache is."""

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from recovery import aws, clock, freshness
from recovery.errors import AwsUnavailable, StartFailed
from recovery.settings import settings
from recovery.target import Target
from recovery.tokens import step_functions


def start(targets: Sequence[Target]) -> dict[str, Any]:
    """Start sync-cache for these targets, or for all of them; return `{sync, startedAt}`. Raise StartFailed.

    Two at once are no harm, so nothing is locked.
    """
    arn = settings().sync_cache_arn
    if not arn:
        raise KeyError("SYNC_CACHE_ARN")
    wanted = {"targets": [target.to_state() for target in targets]} if targets else {}
    try:
        with aws.unavailable("StartExecution"):
            started = step_functions().start_execution(stateMachineArn=arn, input=json.dumps(wanted))
    except (AwsUnavailable, ClientError) as error:
        raise StartFailed(f"the sync could not be started: {error}") from error
    return {"sync": started["executionArn"].rsplit(":", 1)[-1], "startedAt": clock.iso()}


def status() -> dict[str, Any]:
    """`status` is NEVER, OK, or DEGRADED when a target's last sync failed; then each target, and the last sync."""
    targets, last = freshness.read_all()
    failed = any(row.status == freshness.FAILED for row in targets)
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
