"""Record the result of a sync of the cache, and the targets that it failed for."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cache import running_syncs, sync_status
from recovery.domain.caught_errors import CaughtError
from recovery.domain.target import Target
from recovery.observability.task_handler import logger, task
from tasks.states import RecordSyncInput, RecordSyncOutput


@task
def handler(event: RecordSyncInput, context: LambdaContext) -> RecordSyncOutput:
    """Return how many targets failed."""
    failures = {
        Target.from_state(failure): str(CaughtError.from_state(failure["error"]) or "unknown error")
        for failure in event["failures"]
    }
    sync_status.record_result(event["beganAt"], event["targets"], failures)
    if sync := event.get("sync"):
        running_syncs.release(running_syncs.ALL_TARGETS, sync)
    logger.info("sync recorded", extra={"targets": event["targets"], "failed": len(failures)})
    return {"failed": len(failures)}
