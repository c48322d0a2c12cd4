"""Starting a sync of the cache in the background."""

from collections.abc import Sequence

from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.domain.target import Target
from recovery.errors import AwsUnavailable, StartFailed


def start_cache_sync(targets: Sequence[Target] = ()) -> str:
    """Start sync-cache for these targets, or for all; return the name of the execution. Raise StartFailed.

    Two syncs at once do no harm, so there is no lock.
    """
    payload = {"targets": [target.to_state() for target in targets]} if targets else {}
    try:
        return step_functions.start(step_functions.sync_cache_arn(), payload)
    except (AwsUnavailable, ClientError) as error:
        raise StartFailed(f"the sync could not be started: {error}") from error
