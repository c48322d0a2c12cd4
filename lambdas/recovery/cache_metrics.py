"""Metrics of the cache, in the namespace DRS/RecoveryInstances, as embedded metric format in the log."""

from collections.abc import Mapping

from recovery import metrics
from recovery.target import Target

NAMESPACE = "DRS/RecoveryInstances"


def looked_up(hits: int, misses: int) -> None:
    """Servers that were asked for and are in the cache, and those that are not."""
    _write({}, {"CacheHits": ("Count", hits), "CacheMisses": ("Count", misses)})


def synced(target: Target, seconds: float, instances: int, changes: int) -> None:
    """A sync of a target has come to its end."""
    _write(
        {"Account": target.account_id, "Region": target.region},
        {"SyncSeconds": ("Seconds", seconds), "Instances": ("Count", instances), "Changes": ("Count", changes)},
    )


def sync_ended(seconds: float, failed: int) -> None:
    """A sync of all targets has come to its end, for so many of them with an error."""
    _write({}, {"AllSyncSeconds": ("Seconds", seconds), "SyncErrors": ("Count", failed)})


def _write(dimensions: Mapping[str, str], values: Mapping[str, tuple[str, float]]) -> None:
    metrics.measured(NAMESPACE, dimensions, values)
