"""Bring the cache of recovery instances up to what DRS and EC2 have in one target."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cache import sync
from recovery.domain.target import Target
from recovery.observability.task_handler import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{accountId, region}`; return what was found and changed. Raise what DRS and EC2 raise."""
    done = sync.sync_target(Target.from_state(event)).to_state()
    logger.info("target synced", extra=done)
    return done
