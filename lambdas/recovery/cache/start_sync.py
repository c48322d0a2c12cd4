"""Starting a sync of the cache in the background."""

from collections.abc import Sequence

from botocore.exceptions import ClientError

from recovery import clock
from recovery.aws import step_functions
from recovery.cache import running_syncs
from recovery.cache.running_syncs import RunningSync
from recovery.domain.target import Target
from recovery.errors import AwsUnavailable, StartFailed


def start_cache_sync(targets: Sequence[Target] = ()) -> RunningSync:
    """Start sync-cache for these targets, or for all, and return it; or the one that is at work on them. Raise
    StartFailed.

    Of two that start at the same moment, the tasks of the later one find the targets claimed, and leave them.
    """
    if running := running_syncs.find_running_sync(targets):
        return running
    payload = {"targets": [target.to_state() for target in targets]} if targets else {}
    try:
        return RunningSync(step_functions.start(step_functions.sync_cache_arn(), payload), clock.iso())
    except (AwsUnavailable, ClientError) as error:
        raise StartFailed(f"the sync could not be started: {error}") from error
