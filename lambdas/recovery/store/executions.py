"""Runs, in the executions table: the META rows of records, and the lock on a run's plan.

A record is one partition of the table. META has a copy of the request, and the progress; other modules have other rows.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recovery import clock
from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.dynamodb_expressions import Partition
from recovery.aws.pagination import Page
from recovery.domain.execution import OPEN_STATUSES, PAUSABLE_STATUSES, Execution, ExecutionStatus, Mode, Run
from recovery.domain.plan import ProtectionGroup
from recovery.domain.tally import Tally
from recovery.domain.verdicts import ExecutionVerdict
from recovery.errors import ExecutionNotFound, PlanAlreadyRunning, PlanNotFound
from recovery.settings import settings
from recovery.store import run_requests
from recovery.store.conditions import status_condition

Row = Mapping[str, Any]

# A DynamoDB row has room for 400 KB. Beyond this many decisions only a cancel is recorded, so that one always fits.
MAX_DECISIONS = 100


class ContinuationRefused(Exception):
    """The run to be continued has been continued, or is being cleaned up, since it was read."""


_IS_OPEN, _OPEN = status_condition(*OPEN_STATUSES)


def table() -> str:
    """The name of the executions table."""
    return settings().executions_table


def _meta_key(execution_id: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": "META"}


# --- create and read --------------------------------------------------------------------------------------------
def create_execution(
    execution: Execution, groups: Iterable[ProtectionGroup], parts: Iterable[Row] = (), *, as_read: bool = False
) -> bool:
    """Write META, the request, plan and groups, and lock the plan, in one transaction. A readiness run takes no lock.

    `parts` are more parts of it. With `as_read`, the plan must have the version that the execution has. A run that
    continues another is linked to it, if that one has no continuation yet.

    Return False when the record exists: this request wrote it and lost the answer, or another request with the same
    idempotency key did. Raise PlanAlreadyRunning naming the run that has the lock, or none if it is free again or a
    condition does not hold, PlanNotFound, and ContinuationRefused when the plan is free, but the run cannot be linked.
    """
    run, plans = execution.run, settings().recovery_plans_table
    writes = [
        dynamodb.put_action(table(), execution.run_item(), "attribute_not_exists(#executionId)"),
        *run_requests.create_actions(execution, groups),
        *parts,
    ]
    if run.mode is not Mode.READINESS:
        lock = {"activeExecutionId": run.execution_id}
        unlocked = "attribute_exists(#planId) AND attribute_not_exists(#activeExecutionId)"
        same = {"given": {"read": execution.plan.version}} if as_read else {}
        condition = f"{unlocked} AND #version = :read" if as_read else unlocked
        writes.append(dynamodb.update_action(plans, {"planId": run.plan_id}, lock, condition=condition, **same))
    if run.continues:
        link = {"continuedBy": run.execution_id}
        is_unlinked = "attribute_exists(#executionId) AND attribute_not_exists(#continuedBy)"
        writes.append(dynamodb.update_action(table(), _meta_key(run.continues), link, condition=is_unlinked))
    try:
        dynamodb.transact(writes)
    except ConditionFailed as refused:
        if dynamodb.get(table(), _meta_key(run.execution_id)):
            return False
        plan = dynamodb.get(plans, {"planId": run.plan_id})
        if plan is None:
            raise PlanNotFound(f"there is no recovery plan {run.plan_id}") from refused
        running = plan.get("activeExecutionId")
        if run.continues and not running:
            raise ContinuationRefused(f"{run.continues} cannot be continued as it is now") from refused
        raise PlanAlreadyRunning(
            f"plan {run.plan_name!r} is already running as {running}"
            if running
            else f"plan {run.plan_name!r} was running until a moment ago",
            executionId=running,
        ) from refused
    return True


def require_not_continued(execution_id: str) -> dict[str, Any]:
    """The part of a transaction that refuses it when the run has been continued."""
    is_last = "attribute_exists(#executionId) AND attribute_not_exists(#continuedBy)"
    return dynamodb.check_action(table(), _meta_key(execution_id), is_last)


def get_run(execution_id: str) -> Run:
    """Read META alone; raise ExecutionNotFound."""
    return Run.from_item(get_meta_row(execution_id))


def get_meta_row(execution_id: str) -> dict[str, Any]:
    """Read the META row as it is; raise ExecutionNotFound."""
    item = dynamodb.get(table(), _meta_key(execution_id))
    if item is None:
        raise ExecutionNotFound(f"there is no execution {execution_id}")
    return item


def get_requested_run(execution_id: str) -> Run:
    """Read META, and what was requested from the rows that only the API writes; raise ExecutionNotFound."""
    run = get_run(execution_id)
    return run_requests.get_request(execution_id).apply_to_run(run)


def get_execution(execution_id: str) -> Execution:
    """Read the run as it was requested and its plan, without the groups; raise ExecutionNotFound."""
    return Execution(get_requested_run(execution_id), run_requests.get_plan(execution_id))


def list_executions(limit: int, token: str | None, plan_id: str | None = None, status: str | None = None) -> Page:
    """Read a page of META rows, newest first: all of them, those of a plan, or those of one status."""
    if plan_id:
        index, name, value = "byPlan", "planId", plan_id
    elif status:
        index, name, value = "byStatus", "status", status
    else:
        index, name, value = "byStart", "kind", "EXECUTION"
    return pagination.query_page(table(), Partition(name, value), limit, token, index=index, newest_first=True)


def query_rows(execution_id: str, prefix: str, *, consistent: bool = True) -> Iterator[dict[str, Any]]:
    """Read every row of the record whose sort key begins like this: `WAVE#`, `TARGET#app#`, `EXCLUDED#`, ..."""
    rows = Partition("executionId", execution_id, ("item", prefix))
    return dynamodb.query(table(), rows, consistent=consistent)


# --- progress ---------------------------------------------------------------------------------------------------
def record_start(execution_id: str) -> None:
    """Record the start, with the first job, and move PENDING to POLLING. A paused run stays paused."""
    started = {"startedAt": clock.iso()}
    for status, values in (
        (ExecutionStatus.PENDING, {"status": ExecutionStatus.POLLING, **started}),
        (ExecutionStatus.PAUSED, started),
    ):
        if dynamodb.update_if(
            table(),
            _meta_key(execution_id),
            values,
            condition="#status = :status AND attribute_not_exists(#startedAt)",
            given={"status": status},
        ):
            return


def record_stop(execution_id: str, reason: str) -> None:
    """Record that no further wave starts, and why; the first reason stays."""
    _record_once(execution_id, "stopReason", reason)


def record_abort(execution_id: str, reason: str) -> None:
    """Record that nothing more of the run starts, because its state machine ends; the first reason stays."""
    _record_once(execution_id, "abortedReason", reason)


def _record_once(execution_id: str, attribute: str, reason: str) -> None:
    is_first = f"attribute_not_exists(#{attribute}) AND {_IS_OPEN}"
    dynamodb.update_if(table(), _meta_key(execution_id), {attribute: reason}, condition=is_first, given=_OPEN)


def record_end(run: Run, verdict: ExecutionVerdict, tally: Tally) -> bool:
    """Write the final status and release the plan; return False when the run had ended.

    Return False as well when the run was cancelled since it was read: it then has to be judged as cancelled, so that a
    cancel and an end at the same moment have one result.
    """
    unseen_cancel = "" if run.cancelled_by else " AND attribute_not_exists(#cancelledBy)"
    ended = dynamodb.update_if(
        table(),
        _meta_key(run.execution_id),
        {
            "status": verdict.status,
            "reason": verdict.reason,
            "endedAt": clock.iso(),
            "servers": tally.to_item(),
        },
        condition=_IS_OPEN + unseen_cancel,
        given=_OPEN,
    )
    if ended and run.mode is not Mode.READINESS:
        release_plan(run.plan_id, run.execution_id)
    return ended


def correct_end(run: Run, verdict: ExecutionVerdict, tally: Tally) -> bool:
    """Replace the verdict of a run that has ended by one that knows more; return False when it has been replaced."""
    return dynamodb.update_if(
        table(),
        _meta_key(run.execution_id),
        {"status": verdict.status, "reason": verdict.reason, "servers": tally.to_item(), "correctedAt": clock.iso()},
        condition="#status = :status AND #reason = :reason",
        given={"status": run.status, "reason": run.reason},
    )


def record_failed_start(run: Run, reason: str) -> bool:
    """End a run whose state machine never started, and unlink it from the run that it continues.

    That one can then be continued again. Return False when the run had ended or has been started.
    """
    ended = {"status": ExecutionStatus.FAILED, "reason": reason, "endedAt": clock.iso(), "servers": Tally().to_item()}
    end = {"condition": f"{_IS_OPEN} AND attribute_not_exists(#startedAt)", "given": _OPEN}
    writes = [dynamodb.update_action(table(), _meta_key(run.execution_id), ended, **end)]
    if run.continues:
        linked = {"condition": "#continuedBy = :mine", "given": {"mine": run.execution_id}}
        key = _meta_key(run.continues)
        writes.append(dynamodb.update_action(table(), key, {}, remove=["continuedBy"], **linked))
    try:
        dynamodb.transact(writes)
    except ConditionFailed:
        return False
    release_plan(run.plan_id, run.execution_id)
    return True


def unlink_continuation(run: Run) -> None:
    """Unlink a run that launches nothing from the run that it continues, so that this can be continued again."""
    if run.continues:
        dynamodb.update_if(
            table(),
            _meta_key(run.continues),
            {},
            remove=["continuedBy"],
            condition="#continuedBy = :mine",
            given={"mine": run.execution_id},
        )


def release_plan(plan_id: str, execution_id: str) -> None:
    """Remove the lock if it is this execution's; another run may have taken it by now."""
    dynamodb.update_if(
        settings().recovery_plans_table,
        {"planId": plan_id},
        {},
        remove=["activeExecutionId"],
        condition="#activeExecutionId = :mine",
        given={"mine": execution_id},
    )


# --- decisions of operators -------------------------------------------------------------------------------------
def record_pause(execution_id: str, decision: Mapping[str, Any]) -> bool:
    """Pause a run that is running; return False when it cannot be paused."""
    if Mode.of_run(execution_id) is Mode.READINESS:
        return False
    is_pausable, values = status_condition(*PAUSABLE_STATUSES)
    return _record_decision(
        execution_id,
        {"status": ExecutionStatus.PAUSED, "pausedAt": decision["at"]},
        decision,
        f"{is_pausable} AND attribute_not_exists(#cancelledBy)",
        values,
        {"paused": True},
    )


def record_resume(execution_id: str, decision: Mapping[str, Any]) -> bool:
    """Resume a paused run; return False when it is not paused, or halted.

    It returns to PENDING if it has had no job. The first job may start between the two writes, and only the second one
    then holds.
    """
    resumable = "#status = :paused AND attribute_not_exists(#cancelledBy) AND attribute_not_exists(#abortedReason)"
    return any(
        _record_decision(
            execution_id,
            {"status": status},
            decision,
            f"{resumable} AND {has_started}(#startedAt)",
            {"paused": ExecutionStatus.PAUSED},
            {"paused": False},
        )
        for status, has_started in (
            (ExecutionStatus.PENDING, "attribute_not_exists"),
            (ExecutionStatus.POLLING, "attribute_exists"),
        )
    )


def record_cancel(execution_id: str, operator: str, decision: Mapping[str, Any]) -> bool:
    """Cancel an open run; return False when it has ended or is cancelled already."""
    return _record_decision(
        execution_id,
        {"cancelledBy": operator, "cancelledAt": decision["at"]},
        decision,
        f"{_IS_OPEN} AND attribute_not_exists(#cancelledBy)",
        _OPEN,
        {"cancelledBy": operator},
        MAX_DECISIONS + 1,
    )


def _record_decision(
    execution_id: str,
    values: Mapping[str, Any],
    decision: Mapping[str, Any],
    condition: str,
    given: Mapping[str, Any],
    requested: Mapping[str, Any],
    max_decisions: int = MAX_DECISIONS,
) -> bool:
    """Write `values` to META and `requested` to the RUN row, both or neither; return False when META has moved on."""
    has_room = "(attribute_not_exists(#decisions) OR size(#decisions) < :max)"
    in_meta = dynamodb.update_action(
        table(),
        _meta_key(execution_id),
        values,
        append={"decisions": decision},
        condition=f"({condition}) AND {has_room}",
        given={**given, "max": max_decisions},
    )
    try:
        dynamodb.transact([in_meta, run_requests.decide_run_action(execution_id, requested)])
    except ConditionFailed:
        return False
    return True
