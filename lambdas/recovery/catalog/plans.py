"""Recovery plans. Writing one also updates `usedBy` of its protection groups, in one transaction."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.pagination import Page
from recovery.catalog import groups, history, versions
from recovery.catalog.history import Author, Kind
from recovery.catalog.versions import SAME_VERSION
from recovery.domain.drills.policy import DrillPolicy
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.errors import InvalidRequest, PlanInUse, PlanNotFound
from recovery.settings import settings

logger = Logger(child=True)


def create_plan(plan: RecoveryPlan) -> RecoveryPlan:
    """Store a new plan and register it with its groups; return it. Raise InvalidRequest when a group was just deleted.

    Its drill policy is in force from now on.
    """
    plan = _with_rules_since(plan, None)
    item = plan.to_item()
    try:
        dynamodb.transact(
            [
                dynamodb.put_action(settings().recovery_plans_table, item, "attribute_not_exists(#planId)"),
                *history.entry_actions(Kind.PLAN, None, item, history.author_of(item)),
                *(groups.usage_update(group_id, plan.plan_id, used=True) for group_id in plan.group_ids),
            ]
        )
    except ConditionFailed as refused:
        if find_plan_row(plan.plan_id) is None:
            raise _deleted_groups_error() from refused
    return plan


def _with_rules_since(plan: RecoveryPlan, before: DrillPolicy | None, owed: float | None = None) -> RecoveryPlan:
    """The plan with the time since when its drill policy is in force: as long as its appointments are the same.

    Rules that replace others keep the deadline that those had set (`owed`, epoch seconds).

    A schedule that is made automatic begins anew, so that it makes up for none of the drills that it did not start.
    """
    policy = plan.drill_policy
    if policy is None:
        return plan
    is_same = before is not None and policy.has_times_of(before) and (before.automatic or not policy.automatic)
    if before and is_same:
        return replace(plan, drill_policy=replace(policy, since=before.since, owed=before.owed))
    kept = "" if before is None or owed is None else clock.iso(owed)
    return replace(plan, drill_policy=replace(policy, since=clock.iso(), owed=kept))


def get_plan(plan_id: str) -> RecoveryPlan:
    """Read a plan. Raise PlanNotFound."""
    return RecoveryPlan.from_item(get_plan_row(plan_id))


def get_plan_row(plan_id: str) -> dict[str, Any]:
    """The plan's row. Raise PlanNotFound."""
    item = find_plan_row(plan_id)
    if item is None:
        raise PlanNotFound(f"there is no recovery plan {plan_id}")
    return item


def find_plan_row(plan_id: str) -> dict[str, Any] | None:
    """The plan's row, None if there is no such plan."""
    return dynamodb.get(settings().recovery_plans_table, {"planId": plan_id})


def require_unchanged(plan: RecoveryPlan) -> dict[str, Any]:
    """The part of a transaction that refuses it when the plan has been changed or deleted since it was read."""
    key, given = {"planId": plan.plan_id}, {"version": plan.version}
    return dynamodb.check_action(settings().recovery_plans_table, key, SAME_VERSION, given)


def update_plan(plan: RecoveryPlan, version: int, owed: float | None = None) -> RecoveryPlan:
    """Replace the given version. A running execution keeps the copy that it started with.

    `owed` is when the next drill is due by the policy before. The lock stays as it is. Raise PlanNotFound,
    VersionConflict, InvalidRequest when a group was just deleted.
    """
    row = find_plan_row(plan.plan_id)
    if row is None:
        raise PlanNotFound(f"there is no recovery plan {plan.plan_id}")
    replaced = RecoveryPlan.from_item(row)
    before, after = set(replaced.group_ids), set(plan.group_ids)
    plan = _with_rules_since(plan, replaced.drill_policy, owed)
    key = {"planId": plan.plan_id}
    wanted = replace(plan, version=version + 1)
    item = wanted.to_item()
    over = versions.build_replacement(row, item, key, version)
    left = groups.find_groups(before - after)  # a deleted group has nothing to update
    try:
        dynamodb.transact(
            [
                dynamodb.update_action(settings().recovery_plans_table, key, **over),
                *history.entry_actions(Kind.PLAN, row, item, history.author_of(item)),
                *(groups.usage_update(group_id, plan.plan_id, used=True) for group_id in sorted(after - before)),
                *(groups.usage_update(group_id, plan.plan_id, used=False) for group_id in left),
            ]
        )
    except ConditionFailed as refused:
        fresh = find_plan_row(plan.plan_id)
        if fresh and int(fresh.get("version", 1)) == version:
            raise _deleted_groups_error() from refused
        versions.ignore_own_write(fresh, item, PlanNotFound(f"there is no recovery plan {plan.plan_id}"))
        row = fresh or row
        wanted = replace(wanted, updated_by=row.get("updatedBy"), updated_at=row.get("updatedAt"))
    stored = RecoveryPlan.from_item(row)
    return replace(wanted, active_execution_id=stored.active_execution_id, last_readiness=stored.last_readiness)


def delete_plan(plan_id: str, author: Author, version: int | None = None) -> None:
    """Delete a plan that is not running. Raise PlanNotFound, PlanInUse naming the run, VersionConflict."""
    row = get_plan_row(plan_id)
    plan = RecoveryPlan.from_item(row)
    versions.require_version(plan.version, version)
    used = groups.find_groups(plan.group_ids)  # a deleted group has nothing to update
    idle = "attribute_exists(#planId) AND attribute_not_exists(#activeExecutionId)"
    try:
        dynamodb.transact(
            [
                dynamodb.delete_action(
                    settings().recovery_plans_table,
                    {"planId": plan_id},
                    f"{idle} AND {SAME_VERSION}",
                    {"version": plan.version},
                ),
                *history.entry_actions(Kind.PLAN, row, None, author),
                *(groups.usage_update(group_id, plan_id, used=False) for group_id in used),
            ]
        )
    except ConditionFailed as refused:
        left = find_plan_row(plan_id)
        if left is None:
            return  # deleted by this request, whose answer was lost, or by another
        if running := left.get("activeExecutionId"):
            raise PlanInUse(f"plan {plan.name!r} is running as {running}", executionId=running) from refused
        versions.refuse_stale(left)


def list_with_groups() -> Iterator[tuple[RecoveryPlan, dict[str, ProtectionGroup]]]:
    """Every plan with its groups. Scans two small tables."""
    rows = dynamodb.scan(settings().protection_groups_table)
    known = {row["groupId"]: ProtectionGroup.from_item(row) for row in rows}
    for row in dynamodb.scan(settings().recovery_plans_table):
        plan = RecoveryPlan.from_item(row)
        yield plan, {group_id: known[group_id] for group_id in plan.group_ids if group_id in known}


def list_scheduled() -> list[RecoveryPlan]:
    """The plans with a drill policy. Scans a small table. One that cannot be read keeps no other from its drills."""
    rows = dynamodb.scan(settings().recovery_plans_table)
    return [plan for row in rows if row.get("drillPolicy") and (plan := _read_safely(row))]


def _read_safely(row: Mapping[str, Any]) -> RecoveryPlan | None:
    try:
        return RecoveryPlan.from_item(row)
    except (LookupError, TypeError, ValueError):
        logger.exception("plan not read", extra={"planId": row.get("planId")})
        return None


def list_plans(limit: int, token: str | None) -> Page:
    """A page of plans."""
    return versions.list_page(settings().recovery_plans_table, limit, token)


def _deleted_groups_error() -> InvalidRequest:
    problem = {"field": "waves", "message": "a protection group of the plan was deleted at this moment"}
    return InvalidRequest("The plan refers to resources that do not exist.", [problem])
