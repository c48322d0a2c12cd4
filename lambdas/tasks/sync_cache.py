"""Sync the cache of recovery instances with DRS and EC2 in one target."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cache import source_servers, sync
from recovery.call_shares import CallShare, use_share
from recovery.domain.target import Target
from recovery.launch_settings import sweep
from recovery.observability.task_handler import logger, task
from tasks.states import SyncCacheInput


@task
@use_share(CallShare.BACKGROUND)
def handler(event: SyncCacheInput, context: LambdaContext) -> dict[str, Any]:
    """Return what was found and changed, nothing of that if another sync is at work. Raise what DRS and EC2 raise.

    What ended runs have left changed in the target is put back in the background. Once an hour the source servers of
    the target are listed.
    """
    target = Target.from_state(event)
    sweep.sweep_target(target)
    result = sync.sync_target_alone(target, event.get("sync"))
    if result is None:
        logger.info("target left to another sync", extra={"target": target.key})
        return {**target.to_state(), "status": "LEFT_TO_ANOTHER_SYNC"}
    source_servers.keep_source_servers(target)
    done = result.to_state()
    logger.info("target synced", extra=done)
    return done
