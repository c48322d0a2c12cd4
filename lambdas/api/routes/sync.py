"""The sync of the cache of recovery instances, over HTTP and by direct invocation."""

from collections.abc import Callable, Mapping
from typing import Any

from api.router import Router
from api.schemas.requests.sync import SyncRequest
from api.schemas.responses.sync import SyncStarted, SyncStatus, build_sync_status
from recovery.cache import sync_status
from recovery.cache.start_sync import start_cache_sync
from recovery.domain.target import Target
from recovery.errors import InvalidRequest, StartFailed

router = Router("Recovery instances")


@router.operation(
    "POST",
    "/drs/recovery-instance-sync",
    status=202,
    location="/drs/recovery-instance-sync/status",
    errors=(StartFailed,),
)
def start_sync(body: SyncRequest) -> SyncStarted:
    """Starts a sync of all accounts and Regions, or of those in the body.

    Starts none while one of the same accounts and Regions is running, and returns that one.
    """
    targets = [Target(target.account_id, target.region) for target in body.targets or ()]
    running = start_cache_sync(targets)
    return {"sync": running.name, "startedAt": running.started_at}


@router.operation("GET", "/drs/recovery-instance-sync/status")
def read_sync_status() -> SyncStatus:
    """Returns how up to date the cache is for each account and Region, and the result of the last sync."""
    return build_sync_status(*sync_status.read_all())


DIRECT_OPERATIONS: Mapping[str, Callable[[], SyncStarted | SyncStatus]] = {
    "sync_recovery_instances": lambda: start_sync(SyncRequest()),
    "get_recovery_instance_sync_status": read_sync_status,
}


def run_direct_operation(event: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a direct invocation, `{"operation": name}`. Raise InvalidRequest for an unknown name."""
    operation = DIRECT_OPERATIONS.get(str(event["operation"]))
    if operation is None:
        raise InvalidRequest(f"there is no operation {event['operation']!r}; known are {', '.join(DIRECT_OPERATIONS)}")
    return dict(operation())
