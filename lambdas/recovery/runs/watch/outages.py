"""Marks the batches that DRS keeps waiting, so that the record of their run says what they wait for."""

from aws_lambda_powertools import Logger

from recovery.domain.batch import BatchRef
from recovery.domain.caught_errors import CaughtError
from recovery.domain.target import Target
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.errors import AwsUnavailable, DrsWavesError
from recovery.store import executions, progress
from recovery.store.steps import actions

logger = Logger(child=True)


def note_outage(ref: BatchRef, error: CaughtError) -> None:
    """Mark that the batch waits, because all retries of a call ended with this error: an outage, throttling, or a busy
    server. The mark ends when the batch's job has started, when a poll of it succeeds, or when the batch is settled.
    One that cannot be written is left out.
    """
    try:
        progress.record_outage(ref, str(error))
    except AwsUnavailable as unavailable:
        logger.warning("outage not noted", extra={"batch": ref.key, "reason": unavailable.message})


def read_plan_name(execution_id: str) -> str | None:
    """The name of the run's plan, for a message that is sent without it if the record cannot be read."""
    try:
        return executions.get_run(execution_id).plan_name
    except DrsWavesError as error:
        logger.info("plan not named", extra={"executionId": execution_id, "reason": error.message})
        return None


def find_open_action(execution_id: str, wave: str | None, place: ActionPlace) -> tuple[str, Target] | None:
    """The action at the place that has begun and not ended, and where it acts; None if there is none, or no record."""
    try:
        records = actions.list_actions(execution_id, wave, place).values()
    except AwsUnavailable as error:
        logger.info("action not named", extra={"executionId": execution_id, "reason": error.message})
        return None
    open_ones = ((each.name, each.parts[0].target) for each in records if each.status.is_open and each.parts)
    return next(open_ones, None)
