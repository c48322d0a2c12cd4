"""Protection groups, each with the plans that use it.

A group lists its plans in `usedBy`, which is written in one transaction with the plan. So a group that a plan needs
cannot be deleted, however closely the two requests follow each other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.pagination import Page
from recovery.catalog import history, versions
from recovery.catalog.history import Author, Kind
from recovery.catalog.versions import MAX_NAMED, SAME_VERSION
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.errors import GroupInUse, GroupNotFound
from recovery.settings import settings


def create_group(group: ProtectionGroup) -> None:
    """Store a new group."""
    item = group.to_item()
    versions.create_row(Kind.GROUP, settings().protection_groups_table, item, history.author_of(item))


def get_group_row(group_id: str) -> dict[str, Any]:
    """The group's row, with `usedBy`. Raise GroupNotFound."""
    item = find_group_row(group_id)
    if item is None:
        raise GroupNotFound(f"there is no protection group {group_id}")
    return item


def find_group_row(group_id: str) -> dict[str, Any] | None:
    """The group's row, None if there is no such group."""
    return dynamodb.get(settings().protection_groups_table, {"groupId": group_id})


def find_groups(group_ids: Iterable[str]) -> dict[str, ProtectionGroup]:
    """The groups that exist among these ids."""
    table = settings().protection_groups_table
    found = (dynamodb.get(table, {"groupId": group_id}) for group_id in group_ids)
    groups = [ProtectionGroup.from_item(item) for item in found if item]
    return {group.group_id: group for group in groups}


def update_group(group: ProtectionGroup, version: int, *, may_change_target: bool = False) -> dict[str, Any]:
    """Replace the given version; return the new row. A running execution keeps its own copy of the group.

    Raise GroupNotFound, VersionConflict, GroupInUse when a plan names a server that the group would lose, or when plans
    use the group and its target would change, unless it may.
    """
    row = get_group_row(group.group_id)
    _refuse_losing_servers(row, group)
    if not may_change_target:
        _refuse_changing_target(row, group)
    wanted = replace(group, version=version + 1).to_item()
    gone = GroupNotFound(f"there is no protection group {group.group_id}")
    table, author = settings().protection_groups_table, history.author_of(wanted)
    return dict(versions.replace_row(Kind.GROUP, table, row, wanted, version, author, gone))


def _refuse_losing_servers(row: Mapping[str, Any], group: ProtectionGroup) -> None:
    """Raise GroupInUse. Only a group by ids can lose servers; the servers of a group by tags are not known here."""
    if not group.server_ids:
        return
    losing = [
        plan
        for plan in _plans_using(row)
        for use in (use for wave in plan.waves for use in wave.groups)
        if use.group_id == group.group_id and not group.listed.issuperset(use.only_server_ids)
    ]
    if losing:
        names = _plan_names(losing)
        raise GroupInUse(f"recovery plans name servers that it would lose: {', '.join(names)}", recoveryPlans=names)


def _refuse_changing_target(row: Mapping[str, Any], group: ProtectionGroup) -> None:
    before = ProtectionGroup.from_item(row).target
    if before != group.target and (using := _plans_using(row)):
        names = _plan_names(using)
        change = f"recovery plans would recover servers of {group.target.key} instead of {before.key}"
        raise GroupInUse(f"{change}: {', '.join(names)}", recoveryPlans=names)


def delete_group(group_id: str, author: Author, version: int | None = None) -> None:
    """Delete a group that no plan uses. Raise GroupNotFound, GroupInUse, VersionConflict."""
    row = get_group_row(group_id)
    current = int(row.get("version", 1))
    versions.require_version(current, version)
    try:
        dynamodb.transact(
            [
                dynamodb.delete_action(
                    settings().protection_groups_table,
                    {"groupId": group_id},
                    f"attribute_exists(#groupId) AND attribute_not_exists(#usedBy) AND {SAME_VERSION}",
                    {"version": current},
                ),
                *history.entry_actions(Kind.GROUP, row, None, author),
            ]
        )
    except ConditionFailed as refused:
        left = find_group_row(group_id)
        if left is None:
            return  # deleted by this request, whose answer was lost, or by another
        if left.get("usedBy"):
            names = _plan_names(_plans_using(left))
            raise GroupInUse(f"recovery plans use it: {', '.join(names)}", recoveryPlans=names) from refused
        versions.refuse_stale(left)


def list_groups(limit: int, token: str | None) -> Page:
    """A page of group rows, each with `usedBy`."""
    return versions.list_page(settings().protection_groups_table, limit, token)


def _plans_using(row: Mapping[str, Any]) -> list[RecoveryPlan]:
    table = settings().recovery_plans_table
    rows = (dynamodb.get(table, {"planId": plan_id}) for plan_id in sorted(row.get("usedBy", ())))
    return [RecoveryPlan.from_item(plan) for plan in rows if plan]


def _plan_names(plans: Iterable[RecoveryPlan]) -> list[str]:
    return list(dict.fromkeys(f"{plan.name} ({plan.plan_id})" for plan in plans))[:MAX_NAMED]


def usage_update(group_id: str, plan_id: str, *, used: bool) -> dict[str, Any]:
    """The part of a transaction that adds the plan to the group's `usedBy`, or takes it out."""
    change = {"usedBy": {plan_id}}
    return dynamodb.update_action(
        settings().protection_groups_table,
        {"groupId": group_id},
        {},
        add=change if used else None,
        discard=None if used else change,
        condition="attribute_exists(#groupId)",  # an update of a deleted group would create a row without a group
    )
