"""Starting a sync of the cache in the background."""

from collections.abc import Sequence

from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.cache import running_syncs
from recovery.domain.target import Target
from recovery.errors import AwsUnavailable, StartFailed, SyncRunning


def start_cache_sync(targets: Sequence[Target] = ()) -> str:
    """Start sync-cache for these targets, or for all; return the name of the execution. Raise StartFailed, SyncRunning.

    Of two that start at the same moment, the tasks of the later one find the targets claimed, and leave them.
    """
    if running := running_syncs.find_running_sync(targets):
        what = "the same targets" if targets else "all targets"
        raise SyncRunning(f"the sync {running} of {what} is running", sync=running)
    payload = {"targets": [target.to_state() for target in targets]} if targets else {}
    try:
        return step_functions.start(step_functions.sync_cache_arn(), payload)
    except (AwsUnavailable, ClientError) as error:
        raise StartFailed(f"the sync could not be started: {error}") from error
