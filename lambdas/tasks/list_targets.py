"""Say which accounts and Regions a sync of the cache is to look at."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import clock
from recovery.cache.targets import list_targets
from recovery.domain.target import Target
from recovery.observability.task_handler import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{targets}`, or `{}` for every one; return `{beganAt, targets: [{accountId, region}]}`."""
    named = [Target.from_state(one) for one in event.get("targets") or ()]
    targets = sorted(set(named)) or list_targets()
    logger.info("targets listed", extra={"targets": len(targets), "named": bool(named)})
    return {"beganAt": clock.iso(), "targets": [target.to_state() for target in targets]}
