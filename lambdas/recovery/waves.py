"""How waves wait for each other: by task tokens, released by the predecessor that ends last."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from recovery import aws, batches, decide, fleet, store
from recovery.execution import Execution, WaveStatus
from recovery.plan import Wave

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@lru_cache(maxsize=1)
def step_functions() -> "SFNClient":
    """The client that answers task tokens and starts executions."""
    return boto3.client("stepfunctions")


def wait_or_go(execution: Execution, wave_name: str, token: str) -> bool | None:
    """Keep the wave's token, and answer it at once when nothing is left to wait for.

    The token is kept before the predecessors are looked at, and a predecessor is settled before it looks for
    tokens; so whichever comes second releases the wave. Both may: the second answer finds the token spent.
    """
    store.keep_wave_token(execution.execution_id, wave_name, token)
    return _release(execution, execution.plan.wave(wave_name))


def start(execution: Execution, wave_name: str) -> list[dict[str, Any]]:
    """Mark the wave started; return its targets, each with the number of batches to recover there."""
    store.start_wave(execution.execution_id, wave_name)
    shares = fleet.shares_of(execution.execution_id, wave_name)
    return [{**share.target.to_state(), "batches": share.batches} for share in shares if share.batches]


def settle(execution: Execution, wave_name: str, problems: Sequence[str] = ()) -> WaveStatus:
    """Judge the wave, keep the verdict with what broke on the way, and release the waves that waited for it."""
    wave = execution.plan.wave(wave_name)
    statuses = store.wave_statuses(execution.execution_id)
    if not statuses[wave_name].is_final:
        tally = batches.tally(execution.execution_id, wave_name)
        verdict = decide.judge_wave(wave, statuses, tally, problems)
        store.settle_wave(execution.execution_id, wave_name, verdict, tally)
    for dependant in execution.plan.dependants_of(wave_name):
        _release(execution, dependant)
    return store.wave_statuses(execution.execution_id)[wave_name]


def finish(execution: Execution, problem: str | None) -> Execution:
    """Judge the run and close its record, with the waves that never ended; return it as it then is."""
    execution_id = execution.execution_id
    statuses = store.wave_statuses(execution_id)
    for name, status in statuses.items():
        if not status.is_final:
            reason = f"the run ended first: {problem}" if problem else "the run ended first"
            ended = WaveStatus.SKIPPED if status is WaveStatus.WAITING else WaveStatus.FAILED
            store.settle_wave(execution_id, name, decide.WaveVerdict(ended, reason), batches.tally(execution_id, name))
            statuses[name] = ended
    return store.finish_execution(execution, decide.judge_execution(statuses, problem), batches.tally(execution_id))


def refuse(execution: Execution, reasons: list[str]) -> Execution:
    """Close the record of a run that must not start."""
    execution_id = execution.execution_id
    skipped = decide.WaveVerdict(WaveStatus.SKIPPED, "the run was refused")
    for name in store.wave_statuses(execution_id):
        store.settle_wave(execution_id, name, skipped, batches.tally(execution_id, name))
    return store.finish_execution(execution, decide.judge_refusal(reasons), batches.tally(execution_id))


def _release(execution: Execution, wave: Wave) -> bool | None:
    go = decide.may_wave_start(wave, store.wave_statuses(execution.execution_id))
    if go is not None:
        for token in store.wave_tokens(execution.execution_id, wave.name):
            _answer(token, {"decision": "START" if go else "SKIP"})
    return go


def _answer(token: str, answer: Mapping[str, str]) -> None:
    with aws.unavailable("SendTaskSuccess"):
        try:
            step_functions().send_task_success(taskToken=token, output=json.dumps(answer))
        except ClientError as error:
            # Answered before, by this wave's other predecessor or an earlier try; or the execution is over.
            if error.response["Error"]["Code"] not in ("TaskTimedOut", "InvalidToken", "TaskDoesNotExist"):
                raise
