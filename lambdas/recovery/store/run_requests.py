"""The `run-requests` table: what callers of the API asked of a run, which only the API's function can write.

RUN has the request, and whether the run is paused or cancelled; RUN#wave what operators decided about a wave, and
ACTION#name what they answered about an action; PLAN and GROUP# the plan and its groups as they were when the run was
started. The executions table repeats some of it, for lists and for the API. What launches, terminates, opens a wave or
goes on with an action believes these rows only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb_expressions import Partition
from recovery.aws.pagination import Page
from recovery.domain.execution import PAUSABLE_STATUSES, Execution, ExecutionStatus, Run, WaveState
from recovery.domain.launch_profiles.profiles import ProfileOption
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.domain.wave_steps.actions import ActionsOption
from recovery.errors import ExecutionNotFound
from recovery.settings import settings

Row = Mapping[str, Any]


def table() -> str:
    """The name of the run-requests table."""
    return settings().run_requests_table


def _key(execution_id: str, item: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": item}


@dataclass(frozen=True, slots=True)
class Requests:
    """What was asked of a run: its RUN row, and by wave what operators decided about it."""

    run: Row
    waves: Mapping[str, Row] = field(default_factory=dict)

    def apply_to_run(self, run: Run) -> Run:
        """The run with the request as it was made, and paused or cancelled if an operator said so."""
        is_paused = self.run.get("paused") and run.status in PAUSABLE_STATUSES
        return replace(
            run,
            status=ExecutionStatus.PAUSED if is_paused else run.status,
            requested_at=self.run["requestedAt"],
            requested_by=self.run["requestedBy"],
            point_in_time=self.run.get("pointInTime"),
            continues=self.run.get("continues"),
            replace_existing=bool(self.run.get("replaceExisting", False)),
            four_eyes=bool(self.run.get("fourEyes", False)),
            comments_required=bool(self.run.get("commentsRequired", False)),
            earlier_requesters=tuple(self.run.get("earlierRequesters") or ()),
            actions=ActionsOption(self.run.get("actions") or "run"),
            profiles=ProfileOption(self.run.get("launchProfiles") or "apply"),
            reserves_capacity=bool(self.run.get("reserveCapacity", False)),
            cancelled_by=self.run.get("cancelledBy") or run.cancelled_by,
        )

    def apply_to_wave(self, state: WaveState) -> WaveState:
        """The wave with what operators decided. What its own row says of that counts only if it stops something."""
        decided = self.waves.get(state.name, {})
        rejected = False if state.approved is False else None
        return replace(
            state,
            approved=decided.get("approved", rejected),
            resumed=bool(decided.get("resumed", False)),
            round=min(state.round, int(decided.get("round", 0))),
            turn=min(state.turn, int(decided.get("turn", decided.get("round", 0)))),
            failure_decision=decided.get("failureDecision"),
        )


# --- create and read --------------------------------------------------------------------------------------------
def create_actions(execution: Execution, groups: Iterable[ProtectionGroup]) -> list[dict[str, Any]]:
    """The parts of a transaction that write the request of a new run, its plan and its groups, once."""
    request = dynamodb.put_action(table(), execution.request_item(), "attribute_not_exists(#executionId)")
    rows = [execution.plan_item(), *map(execution.group_item, groups)]
    return [request, *(dynamodb.put_action(table(), row) for row in rows)]


def get_request(execution_id: str) -> Requests:
    """Read the RUN row alone; raise ExecutionNotFound."""
    row = dynamodb.get(table(), _key(execution_id, "RUN"))
    if row is None:
        raise ExecutionNotFound(f"there is no request for an execution {execution_id}")
    return Requests(row)


def read_requests(execution_id: str) -> Requests:
    """Read the RUN row and the decisions about waves, in one Query; raise ExecutionNotFound."""
    rows = {row["item"]: row for row in _query(execution_id, "RUN")}
    if "RUN" not in rows:
        raise ExecutionNotFound(f"there is no request for an execution {execution_id}")
    return Requests(rows.pop("RUN"), {item.removeprefix("RUN#"): row for item, row in rows.items()})


def get_plan(execution_id: str) -> RecoveryPlan:
    """Read the plan as it was when the run was started; raise ExecutionNotFound."""
    item = dynamodb.get(table(), _key(execution_id, "PLAN"))
    if item is None:
        raise ExecutionNotFound(f"execution {execution_id} has no plan on record")
    return RecoveryPlan.from_item(item["plan"])


def get_groups(execution_id: str) -> dict[str, ProtectionGroup]:
    """Read the groups as they were when the run was started, by id."""
    groups = [ProtectionGroup.from_item(row) for row in _query(execution_id, "GROUP#")]
    return {group.group_id: group for group in groups}


def read_groups(execution_id: str, limit: int, token: str | None) -> Page:
    """Read a page of GROUP# rows."""
    return pagination.query_page(table(), Partition("executionId", execution_id, ("item", "GROUP#")), limit, token)


def _query(execution_id: str, prefix: str) -> Iterable[dict[str, Any]]:
    return dynamodb.query(table(), Partition("executionId", execution_id, ("item", prefix)))


# --- decisions of operators -------------------------------------------------------------------------------------
def decide_run_action(execution_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a transaction that keeps a decision about the run: `paused`, `cancelledBy`."""
    exists = "attribute_exists(#executionId)"
    return dynamodb.update_action(table(), _key(execution_id, "RUN"), values, condition=exists)


def decide_wave_action(execution_id: str, wave: str, decision: Row, values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a transaction that keeps a decision about a wave.

    `values` has `approved`, `resumed`, `round`, `turn` or `failureDecision`.
    """
    values = {**values, "by": decision["by"], "at": decision["at"]}
    return dynamodb.update_action(table(), _key(execution_id, f"RUN#{wave}"), values)


def decide_action_action(execution_id: str, name: str, awaited: str, answer: Row) -> dict[str, Any]:
    """The part of a transaction that keeps an answer about an action, `awaited` CONFIRM or DECISION.

    The answer about an earlier attempt is replaced.
    """
    return dynamodb.update_action(table(), _key(execution_id, f"ACTION#{name}"), {awaited: dict(answer)})


def read_action_answers(execution_id: str) -> dict[str, Row]:
    """The answers about actions, by the name of the action; each row has CONFIRM, DECISION or both."""
    rows = _query(execution_id, "ACTION#")
    return {row["item"].removeprefix("ACTION#"): row for row in rows}
