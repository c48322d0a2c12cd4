"""Starting restore-target: at the ends of batches and runs, and because a person asks."""

from collections.abc import Collection
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.domain.target import Target
from recovery.errors import AwsUnavailable, StartFailed
from recovery.settings import settings
from recovery.store import batches
from recovery.store.launches import reservations, settings_changes

logger = Logger(child=True)


def begin_restore(target: Target, reason: str, *, of_run: bool = False) -> None:
    """Start restore-target if the target has changes to put back; at the end of a run also for its reservations.

    No work waits for it or fails because of it: what is not started here, the next sync of the cache starts.
    """
    arn = settings().restore_target_arn
    if arn is None:  # a function that may not start it, such as one of the API
        return
    try:
        if settings_changes.has_any(target) or (of_run and reservations.list_reservations(target)):
            step_functions.start(arn, {**target.to_state(), "reason": reason})
    except (AwsUnavailable, ClientError) as error:
        logger.warning("restore not started", extra={"target": target.key, "reason": str(error)})


def begin_restores_of(execution_id: str, reason: str) -> None:
    """Start it in every target in which the run has batches."""
    for target in sorted({batch.ref.target for batch in batches.list_batches(execution_id)}):
        begin_restore(target, reason, of_run=True)


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
