"""The record of every run, in the executions table: the run itself and its waves.

One partition per execution: META (what was asked, how far it is), PLAN and GROUP# (what is recovered, as it was),
WAVE#, TOKEN# and the rows of fleet.py and batches.py. Every write is either the same whenever it is made, or
conditional on the state it moves on from, so that a late or repeated task never moves a record backwards.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recovery import clock
from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.pagination import Page
from recovery.domain.execution import OPEN_STATUSES, Execution, ExecutionStatus, Mode, Run, Tally
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.domain.verdicts import ExecutionVerdict
from recovery.errors import ExecutionNotFound, PlanAlreadyRunning, PlanNotFound
from recovery.settings import settings
from recovery.store.conditions import status_in

MAX_DECISIONS = 100


IS_OPEN, _OPEN = status_in(*OPEN_STATUSES)


def table() -> str:
    """The executions table."""
    return settings().executions_table


# --- the execution ----------------------------------------------------------------------------------------------
def create_execution(execution: Execution, groups: Iterable[ProtectionGroup]) -> bool:
    """Write META, the plan and the groups and lock the plan, all or nothing. A run that only looks needs no lock.

    False when a record of this id is there: our own, whose answer was lost, or that of a request of the same key.
    Raise PlanAlreadyRunning naming the run that holds the lock, PlanNotFound.
    """
    run, plans = execution.run, settings().recovery_plans_table
    lock = dynamodb.build_update(
        {"planId": run.plan_id},
        {"activeExecutionId": run.execution_id},
        condition="attribute_exists(#planId) AND attribute_not_exists(#activeExecutionId)",
    )
    rows_ = [execution.run_item(), execution.plan_item(), *map(execution.group_item, groups)]
    writes: list[dict[str, Any]] = [{"Put": {"TableName": table(), "Item": dynamodb.to_wire(row)}} for row in rows_]
    writes[0]["Put"]["ConditionExpression"] = "attribute_not_exists(executionId)"
    if run.mode is not Mode.READINESS:
        writes.append({"Update": {"TableName": plans, **lock}})
    if run.continues:
        link = dynamodb.build_update(_meta_key(run.continues), {"continuedBy": run.execution_id})
        writes.append({"Update": {"TableName": table(), **link}})
    try:
        dynamodb.transact(writes)
    except ConditionFailed as refused:
        if dynamodb.get(table(), _meta_key(run.execution_id)):
            return False
        plan = dynamodb.get(plans, {"planId": run.plan_id})
        if plan is None:
            raise PlanNotFound(f"there is no recovery plan {run.plan_id}") from refused
        running = plan.get("activeExecutionId")
        raise PlanAlreadyRunning(
            f"plan {run.plan_name!r} is already running as {running}"
            if running
            else f"plan {run.plan_name!r} was running until a moment ago",
            executionId=running,
        ) from refused
    return True


def _meta_key(execution_id: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": "META"}


def get_run(execution_id: str) -> Run:
    """META alone; raise ExecutionNotFound when there is none."""
    return Run.from_item(get_meta_row(execution_id))


def get_meta_row(execution_id: str) -> dict[str, Any]:
    """The META row as it is; raise ExecutionNotFound when there is none."""
    item = dynamodb.get(table(), _meta_key(execution_id))
    if item is None:
        raise ExecutionNotFound(f"there is no execution {execution_id}")
    return item


def get_execution(execution_id: str) -> Execution:
    """The run and its plan, without the groups; raise ExecutionNotFound when there is none."""
    run = get_run(execution_id)
    item = dynamodb.get(table(), {"executionId": execution_id, "item": "PLAN"})
    if item is None:
        raise ExecutionNotFound(f"execution {execution_id} has no plan on record")
    return Execution(run, RecoveryPlan.from_item(item["plan"]))


def get_groups(execution_id: str) -> dict[str, ProtectionGroup]:
    """The groups as they were when the run was started."""
    groups = [ProtectionGroup.from_item(row) for row in query_rows(execution_id, "GROUP#")]
    return {group.group_id: group for group in groups}


def begin_polling(execution_id: str) -> None:
    """PENDING becomes POLLING with the first job; later calls change nothing. A pause lasts, with the start kept."""
    started = {"startedAt": clock.iso()}
    for status, values in (
        (ExecutionStatus.PENDING, {"status": ExecutionStatus.POLLING.value, **started}),
        (ExecutionStatus.PAUSED, started),
    ):
        condition = "#status = :here AND attribute_not_exists(#startedAt)"
        if dynamodb.update_if(
            table(), _meta_key(execution_id), values, condition=condition, given={"here": status.value}
        ):
            return


def record_decision(
    execution_id: str, values: Mapping[str, Any], decision: Mapping[str, Any], condition: str, given: Mapping[str, Any]
) -> bool:
    """Write what people decided of a run, with who and when, if the run is where the condition says.

    A row has room for 400 KB: pauses beyond MOST_DECISIONS are refused, so that the last word, a cancel, always fits.
    """
    most = MAX_DECISIONS + (1 if decision["decision"] == "cancel" else 0)
    condition = f"({condition}) AND (attribute_not_exists(#decisions) OR size(#decisions) < :most)"
    given = {**given, "most": most}
    return dynamodb.update_if(
        table(), _meta_key(execution_id), values, append={"decisions": decision}, condition=condition, given=given
    )


def open_status_values() -> dict[str, str]:
    """The values that IS_OPEN names."""
    return dict(_OPEN)


def stop_run(execution_id: str, reason: str) -> None:
    """Keep that no further wave starts; the first reason stays."""
    dynamodb.update_if(
        table(),
        _meta_key(execution_id),
        {"stopped": reason},
        condition=f"attribute_not_exists(#stopped) AND {IS_OPEN}",
        given=_OPEN,
    )


def mark_aborted(execution_id: str, why: str) -> None:
    """Keep that the run's machine is no more, so that nothing of it starts; the first reason stays."""
    dynamodb.update_if(
        table(),
        _meta_key(execution_id),
        {"died": why},
        condition=f"attribute_not_exists(#died) AND {IS_OPEN}",
        given=_OPEN,
    )


def finish_execution(run: Run, verdict: ExecutionVerdict, tally: Tally) -> bool:
    """Write the final status and free the plan; False when the run had ended, or was cancelled since it was read.

    A run that is cancelled has to be judged as such, so that a cancel and a finish end in one of the two.
    """
    unseen = "" if run.cancelled else " AND attribute_not_exists(#cancelled)"
    ended = dynamodb.update_if(
        table(),
        _meta_key(run.execution_id),
        {
            "status": verdict.status.value,
            "reason": verdict.reason,
            "endedAt": clock.iso(),
            "servers": tally.to_item(),
        },
        condition=IS_OPEN + unseen,
        given=_OPEN,
    )
    if run.mode is not Mode.READINESS and (ended or get_run(run.execution_id).status.is_final):
        release_plan(run.plan_id, run.execution_id)
    return ended


def release_plan(plan_id: str, execution_id: str) -> None:
    """Remove the lock if this execution holds it; by now it may be another run's."""
    dynamodb.update_if(
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
    return pagination.read_page(
        dynamodb.client().query,
        limit,
        token,
        TableName=table(),
        IndexName=index,
        KeyConditionExpression="#name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues=dynamodb.to_wire({":value": value}),
        ScanIndexForward=False,
    )


def query_rows(execution_id: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Every row of the execution whose sort key begins so: `WAVE#`, `TARGET#app#`, `SERVER#`, ..."""
    return dynamodb.query(
        table(),
        "executionId = :id AND begins_with(#item, :prefix)",
        {":id": execution_id, ":prefix": prefix},
        names={"#item": "item"},
    )
