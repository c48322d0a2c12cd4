"""Record the result of a sync of the cache, and the targets that it failed for."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import clock
from recovery.aws.caught_errors import CaughtError
from recovery.cache import sync_status
from recovery.domain.target import Target
from recovery.observability import metrics
from recovery.observability.task_handler import logger, task
from tasks.states import RecordSyncInput, RecordSyncOutput


@task
def handler(event: RecordSyncInput, context: LambdaContext) -> RecordSyncOutput:
    """Return how many targets failed."""
    began, failures = event["beganAt"], event["failures"]
    for failure in failures:
        target, error = Target.from_state(failure), CaughtError.from_state(failure["error"])
        reason = str(error or "unknown error")
        sync_status.record_failure(target, reason, began)
        logger.warning("target not synced", extra={"target": target.key, "reason": reason})
    sync_status.record_sync(began, event["targets"], len(failures))
    metrics.emit_sync(clock.now() - clock.parse_iso(began), len(failures))
    return {"failed": len(failures)}
