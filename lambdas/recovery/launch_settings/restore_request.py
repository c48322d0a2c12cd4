"""Starting to put launch settings back because a person asks for it."""

from collections.abc import Collection
from typing import Any

from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.domain.target import Target
from recovery.errors import AwsUnavailable, StartFailed


def start_restore(
    target: Target, reason: str, server_ids: Collection[str] = (), *, forced: bool = False, keeps: bool = False
) -> str:
    """Start restore-target for these servers, or for all of the target, and return the name of its execution.

    With `forced`, what a person has changed since is put back too; with `keeps`, the changes are only forgotten. Raise
    StartFailed.
    """
    payload: dict[str, Any] = {**target.to_state(), "reason": reason}
    if server_ids:
        payload["sourceServerIds"] = list(server_ids)
    payload |= {"force": True} if forced else {}
    payload |= {"keep": True} if keeps else {}
    try:
        return step_functions.start(step_functions.restore_target_arn(), payload)
    except (AwsUnavailable, ClientError) as error:
        raise StartFailed(f"the restore could not be started: {error}") from error
