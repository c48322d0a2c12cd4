"""Sync the cache of recovery instances with DRS and EC2 in one target."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cache import sync
from recovery.domain.target import Target, TargetState
from recovery.observability.task_handler import logger, task


@task
def handler(event: TargetState, context: LambdaContext) -> dict[str, Any]:
    """Return what was found and changed. Raise what DRS and EC2 raise."""
    done = sync.sync_target(Target.from_state(event)).to_state()
    logger.info("target synced", extra=done)
    return done
