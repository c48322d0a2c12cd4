"""The record of every run, in the executions table.

One partition per execution: META (what was asked, how far it is), and rows WAVE#, TARGET# (a wave's share in one
target), BATCH# and SERVER#. Every write is either the same whenever it is made, or conditional on the state it
moves on from, so that a late or repeated task never moves a record backwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from recovery import clock, dynamo
from recovery.batch import Batch, BatchRef
from recovery.decide import ExecutionVerdict, WaveVerdict
from recovery.dynamo import ConditionRefused
from recovery.errors import ExecutionNotFound, PlanAlreadyRunning, PlanNotFound
from recovery.execution import Execution, ExecutionStatus, ServerStatus, Tally, WaveStatus
from recovery.pages import Page, read_page
from recovery.plan import Wave
from recovery.settings import settings
from recovery.target import Target

# Threads that write the results of a batch's servers; botocore keeps ten connections by default.
WRITERS = 10


def _table() -> str:
    return settings().executions_table


# --- the execution ----------------------------------------------------------------------------------------------
def create_execution(execution: Execution) -> None:
    """Write META and lock the plan, both or neither; raise PlanAlreadyRunning naming the run that holds the lock."""
    lock = dynamo.assignment(
        {"planId": execution.plan.plan_id},
        {"activeExecutionId": execution.execution_id},
        condition="attribute_exists(#planId) AND attribute_not_exists(#activeExecutionId)",
    )
    record = {
        "TableName": _table(),
        "Item": dynamo.to_wire(execution.to_item()),
        "ConditionExpression": "attribute_not_exists(executionId)",
    }
    plans = settings().recovery_plans_table
    try:
        dynamo.transact([{"Update": {"TableName": plans, **lock}}, {"Put": record}])
    except ConditionRefused as refused:
        plan = dynamo.get(plans, {"planId": execution.plan.plan_id})
        if plan is None:
            raise PlanNotFound(f"there is no recovery plan {execution.plan.plan_id}") from refused
        running = plan.get("activeExecutionId", "which has just ended")
        raise PlanAlreadyRunning(
            f"plan {execution.plan.name!r} is already running as {running}", executionId=running
        ) from refused


def get_execution(execution_id: str) -> Execution:
    """Raise ExecutionNotFound when there is none."""
    item = dynamo.get(_table(), {"executionId": execution_id, "item": "META"})
    if item is None:
        raise ExecutionNotFound(f"there is no execution {execution_id}")
    return Execution.from_item(item)


def begin_polling(execution_id: str) -> None:
    """PENDING becomes POLLING with the first job; later calls change nothing."""
    dynamo.move_on(
        _table(),
        {"executionId": execution_id, "item": "META"},
        {"status": ExecutionStatus.POLLING.value, "startedAt": clock.iso()},
        condition="#status = :pending",
        given={"pending": ExecutionStatus.PENDING.value},
    )


def finish_execution(execution: Execution, verdict: ExecutionVerdict, tally: Tally) -> None:
    """Write the final status and free the plan. A status that is final already stays, the plan is freed either way."""
    dynamo.move_on(
        _table(),
        {"executionId": execution.execution_id, "item": "META"},
        {"status": verdict.status.value, "reason": verdict.reason, "endedAt": clock.iso(), "servers": tally.to_item()},
        condition="#status IN (:pending, :polling)",
        given={"pending": ExecutionStatus.PENDING.value, "polling": ExecutionStatus.POLLING.value},
    )
    dynamo.move_on(
        settings().recovery_plans_table,
        {"planId": execution.plan.plan_id},
        {},
        remove=["activeExecutionId"],
        condition="#activeExecutionId = :mine",
        given={"mine": execution.execution_id},
    )


def list_executions(limit: int, token: str | None, plan_id: str | None = None, status: str | None = None) -> Page:
    """META rows, newest first: all of them, a plan's, or those of one status."""
    if plan_id:
        index, name, value = "byPlan", "planId", plan_id
    elif status:
        index, name, value = "byStatus", "status", status
    else:
        index, name, value = "byStart", "kind", "EXECUTION"
    return read_page(
        dynamo.client().query,
        limit,
        token,
        TableName=_table(),
        IndexName=index,
        KeyConditionExpression="#name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=dynamo.to_wire({":value": value}),
        ScanIndexForward=False,
    )


def whole_record(execution_id: str) -> list[dict[str, Any]]:
    """Every row of the execution, META among them; raise ExecutionNotFound when there is none."""
    found = list(dynamo.query(_table(), "executionId = :id", {":id": execution_id}))
    if not any(row["item"] == "META" for row in found):
        raise ExecutionNotFound(f"there is no execution {execution_id}")
    return found


def rows(execution_id: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Every row of the execution whose sort key begins so: `WAVE#`, `TARGET#app#`, `SERVER#`, ..."""
    return dynamo.query(
        _table(),
        "executionId = :id AND begins_with(#item, :prefix)",
        {":id": execution_id, ":prefix": prefix},
        names={"#item": "item"},
    )


# --- waves ------------------------------------------------------------------------------------------------------
def create_waves(execution: Execution) -> None:
    """Write the wave rows as WAITING; rows that are there already stay as they are."""
    for order, wave in enumerate(execution.plan.waves):
        row = {
            "executionId": execution.execution_id,
            "item": f"WAVE#{wave.name}",
            "wave": wave.name,
            "order": order,
            "status": WaveStatus.WAITING.value,
            "dependsOn": list(wave.depends_on),
        }
        with suppress(ConditionRefused):  # an earlier try of this task wrote it
            dynamo.put(_table(), row, unless_exists="executionId")


def wave_rows(execution_id: str) -> list[dict[str, Any]]:
    """The wave rows in plan order."""
    return sorted(rows(execution_id, "WAVE#"), key=lambda row: int(row["order"]))


def wave_statuses(execution_id: str) -> dict[str, WaveStatus]:
    """Each wave's status, in plan order."""
    return {row["wave"]: WaveStatus(row["status"]) for row in wave_rows(execution_id)}


def keep_wave_token(execution_id: str, wave: str, token: str) -> None:
    """Keep the task token by which the wave's predecessors release it."""
    dynamo.update(_table(), {"executionId": execution_id, "item": f"WAVE#{wave}"}, {"predecessorsToken": token})


def wave_token(execution_id: str, wave: str) -> str | None:
    """The token kept, if the wave is waiting by now."""
    row = dynamo.get(_table(), {"executionId": execution_id, "item": f"WAVE#{wave}"})
    return row.get("predecessorsToken") if row else None


def start_wave(execution_id: str, wave: str) -> None:
    """WAITING becomes IN_PROGRESS; a repeat changes nothing."""
    dynamo.move_on(
        _table(),
        {"executionId": execution_id, "item": f"WAVE#{wave}"},
        {"status": WaveStatus.IN_PROGRESS.value, "startedAt": clock.iso()},
        condition="#status = :waiting",
        given={"waiting": WaveStatus.WAITING.value},
    )


def settle_wave(execution_id: str, wave: str, verdict: WaveVerdict, tally: Tally) -> None:
    """Write a wave's final status, once."""
    dynamo.move_on(
        _table(),
        {"executionId": execution_id, "item": f"WAVE#{wave}"},
        {"status": verdict.status.value, "reason": verdict.reason, "endedAt": clock.iso(), "servers": tally.to_item()},
        condition="#status IN (:waiting, :inProgress)",
        given={"waiting": WaveStatus.WAITING.value, "inProgress": WaveStatus.IN_PROGRESS.value},
    )


# --- the fleet: what inspection found ---------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class WaveShare:
    """A wave's servers in one target: to be launched in `batches`, or blocked with the reason."""

    wave: Wave
    target: Target
    hostnames: Mapping[str, str]
    batches: Sequence[Sequence[str]]
    blocked: Mapping[str, str]

    @property
    def total(self) -> int:
        """All servers the wave selects in this target."""
        return sum(map(len, self.batches)) + len(self.blocked)


def write_shares(execution_id: str, target: Target, shares: Sequence[WaveShare]) -> None:
    """Write TARGET, BATCH and SERVER rows of a target; rows an earlier, cut-off try left behind are removed."""
    wanted = {row["item"]: row for share in shares for row in _share_rows(execution_id, share)}
    stale = [
        {"executionId": execution_id, "item": row["item"]}
        for prefix in ("TARGET#", "BATCH#", "SERVER#")
        for row in rows(execution_id, prefix)
        if Target.from_state(row) == target and row["item"] not in wanted
    ]
    dynamo.write_all(_table(), list(wanted.values()), stale)


def _share_rows(execution_id: str, share: WaveShare) -> Iterator[dict[str, Any]]:
    base = {"executionId": execution_id, "wave": share.wave.name, **share.target.to_state()}
    yield {
        **base,
        "item": f"TARGET#{share.wave.name}#{share.target.key}",
        "servers": share.total,
        "batches": len(share.batches),
        "blocked": len(share.blocked),
        "firstBlocked": next((f"{server_id}: {reason}" for server_id, reason in share.blocked.items()), ""),
    }
    for number, server_ids in enumerate(share.batches, start=1):
        ref = BatchRef(execution_id, share.wave.name, share.target, number)
        yield Batch(ref, tuple(server_ids), len(server_ids)).to_item()
    numbers = {server_id: number for number, ids in enumerate(share.batches, start=1) for server_id in ids}
    for server_id in [*numbers, *share.blocked]:
        reason = share.blocked.get(server_id)
        status = ServerStatus.EXCLUDED if reason else ServerStatus.PENDING
        row = {
            **base,
            "item": f"SERVER#{share.wave.name}#{server_id}",
            "sourceServerId": server_id,
            "hostname": share.hostnames.get(server_id),
            "batch": numbers.get(server_id),
            "status": status.value,
            "reason": reason,
        }
        yield {name: value for name, value in row.items() if value is not None}


# --- batches ----------------------------------------------------------------------------------------------------
def get_batch(ref: BatchRef) -> Batch:
    """The batch's row; KeyError when there is none, which only a broken state machine can bring about."""
    item = dynamo.get(_table(), {"executionId": ref.execution_id, "item": ref.sort_key})
    if item is None:
        raise KeyError(f"no row {ref.sort_key} in execution {ref.execution_id}")
    return Batch.from_item(item)


def batches_of(execution_id: str, wave: str | None = None) -> list[Batch]:
    """The batches of a wave, or of all waves."""
    return [Batch.from_item(row) for row in rows(execution_id, f"BATCH#{wave}#" if wave else "BATCH#")]


def record_intent(batch: Batch) -> bool:
    """Say that the next attempt's StartRecovery is about to be called; False when another try of the task said so."""
    return dynamo.move_on(
        _table(),
        _batch_key(batch.ref),
        {"status": "STARTING", "attempt": batch.attempt + 1, "intentAt": clock.iso()},
        condition="#status = :pending AND #attempt = :attempt",
        given={"pending": "PENDING", "attempt": batch.attempt},
    )


def record_job(batch: Batch, job_id: str, started_at: str) -> None:
    """Keep the job that launches this attempt."""
    dynamo.move_on(
        _table(),
        _batch_key(batch.ref),
        {"status": "LAUNCHING", "jobId": job_id, "startedAt": batch.started_at or started_at},
        condition="#status = :starting AND #attempt = :attempt",
        given={"starting": "STARTING", "attempt": batch.attempt},
    )


def record_progress(batch: Batch, launched: int, failed: int) -> None:
    """Keep how many of the attempt's servers are through, so that the record shows a job move."""
    dynamo.move_on(
        _table(),
        _batch_key(batch.ref),
        {"inFlightLaunched": launched, "inFlightFailed": failed},
        condition="#status = :launching AND #attempt = :attempt",
        given={"launching": "LAUNCHING", "attempt": batch.attempt},
    )


def retry_batch(batch: Batch, failed_ids: Sequence[str], launched: int) -> None:
    """Back to PENDING with the servers that failed, for a further attempt."""
    _close_attempt(batch, {"status": "PENDING", "serverIds": list(failed_ids), "launched": batch.launched + launched})


def settle_batch(batch: Batch, launched: int, failed: int, reason: str) -> None:
    """The batch's last word."""
    _close_attempt(
        batch,
        {
            "status": "SETTLED",
            "launched": batch.launched + launched,
            "failed": failed,
            "reason": reason,
            "endedAt": clock.iso(),
        },
    )


def _close_attempt(batch: Batch, values: Mapping[str, Any]) -> None:
    dynamo.move_on(
        _table(),
        _batch_key(batch.ref),
        values,
        remove=["inFlightLaunched", "inFlightFailed", *(["jobId", "intentAt"] if "serverIds" in values else [])],
        condition="#status = :status AND #attempt = :attempt",
        given={"status": batch.status, "attempt": batch.attempt},
    )


def _batch_key(ref: BatchRef) -> dict[str, str]:
    return {"executionId": ref.execution_id, "item": ref.sort_key}


# --- servers ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ServerResult:
    """What an attempt came to for one server."""

    server_id: str
    status: ServerStatus
    job_id: str | None = None
    recovery_instance_id: str | None = None
    reason: str | None = None


def record_results(ref: BatchRef, results: Sequence[ServerResult]) -> None:
    """Write each server's result; a server that is LAUNCHED stays so whatever comes late.

    Single conditional updates, a few at a time, and no transaction: that would cost twice as much, and one server
    that was written before would refuse all the others.
    """
    dynamo.client()  # made once, before the threads share it
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda result: _record_result(ref, result), results))


def _record_result(ref: BatchRef, result: ServerResult) -> None:
    dynamo.move_on(
        _table(),
        {"executionId": ref.execution_id, "item": f"SERVER#{ref.wave}#{result.server_id}"},
        {
            "status": result.status.value,
            "jobId": result.job_id,
            "recoveryInstanceId": result.recovery_instance_id,
            "reason": result.reason,
            "endedAt": clock.iso(),
        },
        condition="#status <> :launched",
        given={"launched": ServerStatus.LAUNCHED.value},
    )


def tally_of(execution_id: str, wave: str | None = None) -> Tally:
    """Servers of a wave, or of the run, by outcome."""
    excluded = sum(int(row["blocked"]) for row in rows(execution_id, f"TARGET#{wave}#" if wave else "TARGET#"))
    whole = Tally(total=excluded, excluded=excluded)
    for batch in batches_of(execution_id, wave):
        whole += batch.tally
    return whole
