"""The record of every run, in the executions table: the run itself and its waves.

One partition per execution: META (what was asked, how far it is), GROUP# (the groups as they were), WAVE#, and the
rows of fleet.py and batches.py. Every write is either the same whenever it is made, or conditional on the state it
moves on from, so that a late or repeated task never moves a record backwards.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from recovery import clock, dynamo
from recovery.decide import ExecutionVerdict, WaveVerdict
from recovery.dynamo import ConditionRefused
from recovery.errors import ExecutionNotFound, PlanAlreadyRunning, PlanNotFound
from recovery.execution import Execution, ExecutionStatus, Tally, WaveStatus
from recovery.pages import Page, read_page
from recovery.plan import ProtectionGroup
from recovery.settings import settings


def table() -> str:
    """The executions table."""
    return settings().executions_table


# --- the execution ----------------------------------------------------------------------------------------------
def create_execution(execution: Execution, groups: Iterable[ProtectionGroup]) -> None:
    """Write META and the groups and lock the plan, all or nothing.

    Raise PlanAlreadyRunning naming the run that holds the lock, PlanNotFound.
    """
    plans = settings().recovery_plans_table
    lock = dynamo.assignment(
        {"planId": execution.plan.plan_id},
        {"activeExecutionId": execution.execution_id},
        condition="attribute_exists(#planId) AND attribute_not_exists(#activeExecutionId)",
    )
    rows_ = [execution.to_item(), *map(execution.group_item, groups)]
    puts = [{"Put": {"TableName": table(), "Item": dynamo.to_wire(row)}} for row in rows_]
    try:
        dynamo.transact([{"Update": {"TableName": plans, **lock}}, *puts])
    except ConditionRefused as refused:
        plan = dynamo.get(plans, {"planId": execution.plan.plan_id})
        if plan is None:
            raise PlanNotFound(f"there is no recovery plan {execution.plan.plan_id}") from refused
        running = plan.get("activeExecutionId")
        if running == execution.execution_id:
            return  # our own write, whose answer was lost
        raise PlanAlreadyRunning(
            f"plan {execution.plan.name!r} is already running as {running}"
            if running
            else f"plan {execution.plan.name!r} was running until a moment ago",
            executionId=running,
        ) from refused


def get_execution(execution_id: str) -> Execution:
    """META, without the groups; raise ExecutionNotFound when there is none."""
    item = dynamo.get(table(), {"executionId": execution_id, "item": "META"})
    if item is None:
        raise ExecutionNotFound(f"there is no execution {execution_id}")
    return Execution.from_item(item)


def groups_of(execution_id: str) -> dict[str, ProtectionGroup]:
    """The groups as they were when the run was started."""
    groups = [ProtectionGroup.from_item(row) for row in rows(execution_id, "GROUP#")]
    return {group.group_id: group for group in groups}


def begin_polling(execution_id: str) -> None:
    """PENDING becomes POLLING with the first job; later calls change nothing."""
    dynamo.move_on(
        table(),
        {"executionId": execution_id, "item": "META"},
        {"status": ExecutionStatus.POLLING.value, "startedAt": clock.iso()},
        condition="#status = :pending",
        given={"pending": ExecutionStatus.PENDING.value},
    )


def finish_execution(execution: Execution, verdict: ExecutionVerdict, tally: Tally) -> Execution:
    """Write the final status and free the plan; return the execution as it then is.

    A status that is final already stays, the plan is freed either way.
    """
    dynamo.move_on(
        table(),
        {"executionId": execution.execution_id, "item": "META"},
        {
            "status": verdict.status.value,
            "reason": verdict.reason,
            "endedAt": clock.iso(),
            "servers": tally.to_item(),
        },
        condition="#status IN (:pending, :polling)",
        given={"pending": ExecutionStatus.PENDING.value, "polling": ExecutionStatus.POLLING.value},
    )
    free_plan(execution.plan.plan_id, execution.execution_id)
    return get_execution(execution.execution_id)


def free_plan(plan_id: str, execution_id: str) -> None:
    """Remove the lock if this execution holds it; by now it may be another run's."""
    dynamo.move_on(
        settings().recovery_plans_table,
        {"planId": plan_id},
        {},
        remove=["activeExecutionId"],
        condition="#activeExecutionId = :mine",
        given={"mine": execution_id},
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
        TableName=table(),
        IndexName=index,
        KeyConditionExpression="#name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=dynamo.to_wire({":value": value}),
        ScanIndexForward=False,
    )


def whole_record(execution_id: str) -> list[dict[str, Any]]:
    """Every row of the execution, META among them; raise ExecutionNotFound when there is none."""
    found = list(dynamo.query(table(), "executionId = :id", {":id": execution_id}))
    if not any(row["item"] == "META" for row in found):
        raise ExecutionNotFound(f"there is no execution {execution_id}")
    return found


def rows(execution_id: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Every row of the execution whose sort key begins so: `WAVE#`, `TARGET#app#`, `SERVER#`, ..."""
    return dynamo.query(
        table(),
        "executionId = :id AND begins_with(#item, :prefix)",
        {":id": execution_id, ":prefix": prefix},
        names={"#item": "item"},
    )


# --- waves ------------------------------------------------------------------------------------------------------
def _wave_key(execution_id: str, wave: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": f"WAVE#{wave}"}


def create_waves(execution: Execution) -> None:
    """Write the wave rows as WAITING; rows that are there already stay as they are."""
    for order, wave in enumerate(execution.plan.waves):
        row = {
            **_wave_key(execution.execution_id, wave.name),
            "wave": wave.name,
            "order": order,
            "status": WaveStatus.WAITING.value,
            "dependsOn": list(wave.depends_on),
        }
        dynamo.put_new(table(), row, "executionId")


def wave_rows(execution_id: str) -> list[dict[str, Any]]:
    """The wave rows in plan order."""
    return sorted(rows(execution_id, "WAVE#"), key=lambda row: int(row["order"]))


def wave_statuses(execution_id: str) -> dict[str, WaveStatus]:
    """Each wave's status, in plan order."""
    return {row["wave"]: WaveStatus(row["status"]) for row in wave_rows(execution_id)}


def keep_wave_token(execution_id: str, wave: str, token: str) -> None:
    """Keep a task token by which the wave's predecessors release it.

    All that were ever given are kept: a task that was repeated has two, and which of them lives is not to be seen.
    """
    dynamo.add(table(), _wave_key(execution_id, wave), "predecessorsTokens", {token})


def wave_tokens(execution_id: str, wave: str) -> set[str]:
    """The tokens kept; none while the wave is not waiting yet."""
    row = dynamo.get(table(), _wave_key(execution_id, wave)) or {}
    return set(row.get("predecessorsTokens", ()))


def start_wave(execution_id: str, wave: str) -> None:
    """WAITING becomes IN_PROGRESS; a repeat changes nothing."""
    dynamo.move_on(
        table(),
        _wave_key(execution_id, wave),
        {"status": WaveStatus.IN_PROGRESS.value, "startedAt": clock.iso()},
        condition="#status = :waiting",
        given={"waiting": WaveStatus.WAITING.value},
    )


def settle_wave(execution_id: str, wave: str, verdict: WaveVerdict, tally: Tally) -> None:
    """Write a wave's final status, once."""
    dynamo.move_on(
        table(),
        _wave_key(execution_id, wave),
        {
            "status": verdict.status.value,
            "reason": verdict.reason,
            "endedAt": clock.iso(),
            "servers": tally.to_item(),
        },
        condition="#status IN (:waiting, :inProgress)",
        given={"waiting": WaveStatus.WAITING.value, "inProgress": WaveStatus.IN_PROGRESS.value},
    )
