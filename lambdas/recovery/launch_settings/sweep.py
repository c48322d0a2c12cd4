"""The sweep of a target by the sync of the cache: it finds what nothing else has put back."""

from aws_lambda_powertools import Logger

from recovery.domain.target import Target
from recovery.errors import AwsUnavailable
from recovery.launch_settings import begin, reserving
from recovery.launch_settings.owners import Owners
from recovery.settings import settings
from recovery.store.launches import restores, settings_changes
from recovery.store.launches.settings_changes import ChangeStatus

logger = Logger(child=True)


def sweep_target(target: Target) -> None:
    """Start restore-target for changes of batches that have ended, unless an execution is at work.

    Their end should have started it, but its function may have been killed. Errors are logged, for the next sync.
    """
    if settings().restore_target_arn is None:
        return
    try:
        if restores.is_claimed(target):
            return
        owners = Owners(target)
        is_left = bool(reserving.list_ended(target, owners)) or any(
            change.status is not ChangeStatus.LEFT and not owners.is_in_progress(change)
            for change in settings_changes.list_changes(target)
        )
    except AwsUnavailable as error:
        logger.warning("changes not looked for", extra={"target": target.key, "reason": error.message})
        return
    if is_left:
        begin.begin_restore(target, "found by the sync of the cache", of_run=True)
