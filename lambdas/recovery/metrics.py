"""Metrics in the namespace DRS/RateLimits, as embedded metric format in the log: no call, so none that can fail.

They are collected while a function runs and written in one line at its end. POWERTOOLS_METRICS_DISABLED=true
switches them off.
"""

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from recovery.target import Target

logger = Logger(child=True)

NAMESPACE = "DRS/RateLimits"
_waiting: list[tuple[str, dict[str, str]]] = []


def called(target: Target, operation: str, outcome: str) -> None:
    """A call to DRS; `outcome` is `ok` or the name of the error."""
    _count("Calls", target, Operation=operation, Outcome=outcome)


def rate_limited(target: Target, error: str) -> None:
    """DRS or our own budget put a call off; `error` says which."""
    _count("RateLimitErrors", target, ErrorType=error)


def retried(target: Target, operation: str, attempt: int) -> None:
    """A call is made again; `attempt` is 2 for the first repetition."""
    _count("Retries", target, Operation=operation, Attempt=str(attempt))


def exhausted(target: Target, operation: str) -> None:
    """All repetitions of a task are used up."""
    _count("RetriesExhausted", target, Operation=operation)


def circuit_changed(target: Target, state: str) -> None:
    """The target's circuit is now `open`, `half-open` or `closed`."""
    _count("CircuitChanges", target, State=state)


def flush() -> None:
    """Write what was collected. Work never fails for want of a metric."""
    while _waiting:
        name, dimensions = _waiting.pop()
        same = sum(1 for waiting in _waiting if waiting == (name, dimensions))
        _waiting[:] = [waiting for waiting in _waiting if waiting != (name, dimensions)]
        try:
            line = EphemeralMetrics(namespace=NAMESPACE)
            for key, value in dimensions.items():
                line.add_dimension(key, value)
            line.add_metric(name, MetricUnit.Count, same + 1)
            line.flush_metrics()
        except Exception:  # the work is done; a metric that cannot be written is told and forgotten
            logger.warning("metric not written", exc_info=True)


def _count(name: str, target: Target, **dimensions: str) -> None:
    _waiting.append((name, {"Account": target.account_id, "Region": target.region, **dimensions}))
