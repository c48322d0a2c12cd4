"""Metrics of the cache, in the namespace DRS/RecoveryInstances, as embedded metric format in the log."""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from recovery.target import Target

logger = Logger(child=True)

NAMESPACE = "DRS/RecoveryInstances"


def looked_up(hits: int, misses: int) -> None:
    """Servers that were asked for and are in the cache, and those that are not."""
    _write({}, (("CacheHits", MetricUnit.Count, hits), ("CacheMisses", MetricUnit.Count, misses)))


def synced(target: Target, seconds: float, instances: int, changes: int) -> None:
    """A sync of a target has come to its end."""
    _write(
        {"Account": target.account_id, "Region": target.region},
        (
            ("SyncSeconds", MetricUnit.Seconds, seconds),
            ("Instances", MetricUnit.Count, instances),
            ("Changes", MetricUnit.Count, changes),
        ),
    )


def sync_ended(seconds: float, failed: int) -> None:
    """A sync of all targets has come to its end, for so many of them with an error."""
    _write({}, (("AllSyncSeconds", MetricUnit.Seconds, seconds), ("SyncErrors", MetricUnit.Count, failed)))


def _write(dimensions: dict[str, str], metrics: tuple[tuple[str, MetricUnit, float], ...]) -> None:
    try:
        line = EphemeralMetrics(namespace=NAMESPACE)
        for dimension, text in dimensions.items():
            line.add_dimension(dimension, text)
        for name, unit, value in metrics:
            line.add_metric(name, unit, value)
        line.flush_metrics()
    except Exception:  # the work is done; a metric that cannot be written is told and forgotten
        logger.warning("metric not written", exc_info=True)
