"""Keep how a sync of the cache went, and which targets it failed for."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import cache_metrics, clock, freshness, problem
from recovery.target import Target
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{beganAt, targets, failures: [{accountId, region, error}]}`, targets a number; return `{failed}`."""
    began, failures = event["beganAt"], event["failures"]
    for failure in failures:
        why = problem.describe(failure["error"]) or "unknown error"
        freshness.record_failure(Target.from_state(failure), why, began)
        logger.warning("target not synced", extra={"target": Target.from_state(failure).key, "reason": why})
    freshness.record_sync(began, event["targets"], len(failures))
    cache_metrics.sync_ended(clock.now() - clock.parse_iso(began), len(failures))
    return {"failed": len(failures)}
