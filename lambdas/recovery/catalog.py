"""What people keep: protection groups, recovery plans and target accounts.

Each row has a version, and a write says which one it was made from, so nobody's change is lost to another's. A group
lists the plans that use it, in `usedBy`, which is written in one transaction with the plan: a group that a plan needs
cannot be deleted, however closely the two requests follow each other. What others write into these rows (a plan's
lock, a group's uses) is left as it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from recovery import dynamo
from recovery.dynamo import ConditionRefused
from recovery.errors import (
    AccountAlreadyRegistered,
    AccountInUse,
    AccountNotFound,
    GroupInUse,
    GroupNotFound,
    InvalidRequest,
    PlanInUse,
    PlanNotFound,
    TargetNotRegistered,
    VersionConflict,
)
from recovery.pages import Page, read_page
from recovery.plan import ProtectionGroup, RecoveryPlan
from recovery.settings import settings
from recovery.target import Target

# What an update leaves alone: starting and finishing a run write the one, writing a plan the other.
WRITTEN_BY_OTHERS = frozenset({"activeExecutionId", "usedBy"})
# So many plans or groups are named in a refusal.
MOST_NAMED = 10
# Rows from before there were versions count as version 1.
SAME_VERSION = "(attribute_not_exists(#version) OR #version = :version)"


@dataclass(frozen=True, slots=True)
class TargetAccount:
    """How drs-waves reaches an account, the one it runs in included: by a role and an external id.

    `regions` are those in which DRS is used there; `version` counts the writes of the row, from 1.
    """

    account_id: str
    role_arn: str
    external_id: str
    regions: tuple[str, ...] = ()
    name: str = ""
    version: int = 1

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "TargetAccount":
        """Read a row of the target-accounts table."""
        return cls(
            account_id=item["accountId"],
            role_arn=item["roleArn"],
            external_id=item["externalId"],
            regions=tuple(item.get("regions", ())),
            name=item.get("name", ""),
            version=int(item.get("version", 1)),
        )

    def to_item(self) -> dict[str, Any]:
        """The row."""
        return {
            "accountId": self.account_id,
            "name": self.name,
            "roleArn": self.role_arn,
            "externalId": self.external_id,
            "regions": list(self.regions),
            "version": self.version,
        }

    @property
    def targets(self) -> list[Target]:
        """The account in each of its Regions."""
        return [Target(self.account_id, region) for region in self.regions]


# --- target accounts --------------------------------------------------------------------------------------------
def target_account(account_id: str) -> TargetAccount:
    """Raise TargetNotRegistered when the account has no row."""
    item = dynamo.get(settings().target_accounts_table, {"accountId": account_id})
    if item is None:
        raise TargetNotRegistered(f"account {account_id} is not registered as a target account")
    return TargetAccount.from_item(item)


def get_account(account_id: str) -> TargetAccount:
    """The account somebody asks for by its id; raise AccountNotFound when it is not registered."""
    try:
        return target_account(account_id)
    except TargetNotRegistered as error:
        raise AccountNotFound(error.message) from error


def register_account(account: TargetAccount) -> None:
    """Store a new account; saying the same again changes nothing. Raise AccountAlreadyRegistered."""
    if dynamo.put_new(settings().target_accounts_table, account.to_item(), "accountId"):
        return
    if target_account(account.account_id) != account:
        raise AccountAlreadyRegistered(f"account {account.account_id} is registered already")


def update_account(account: TargetAccount, version: int) -> TargetAccount:
    """Write it over the version given. Raise AccountNotFound, VersionConflict."""
    table, key = settings().target_accounts_table, {"accountId": account.account_id}
    wanted = replace(account, version=version + 1)
    row = dynamo.get(table, key) or {}
    try:
        dynamo.update(settings().target_accounts_table, key, **_over(row, wanted.to_item(), key, version))
    except ConditionRefused:
        _accept_own(dynamo.get(table, key), wanted.to_item(), AccountNotFound(f"account {account.account_id} is gone"))
    return wanted


def delete_account(account_id: str, version: int | None = None) -> None:
    """Forget an account. Raise AccountNotFound, AccountInUse while groups have servers there, VersionConflict."""
    account = get_account(account_id)
    _require(account.version, version)
    groups = [row["name"] for row in dynamo.scan(settings().protection_groups_table) if row["accountId"] == account_id]
    if groups:
        named = sorted(groups)[:MOST_NAMED]
        raise AccountInUse(f"protection groups have servers in it: {', '.join(named)}", protectionGroups=named)
    _delete_if_same(settings().target_accounts_table, {"accountId": account_id}, account.version)


def list_accounts(limit: int, token: str | None) -> Page:
    """A page of accounts, external ids and all."""
    return _page(settings().target_accounts_table, limit, token)


# --- protection groups ------------------------------------------------------------------------------------------
def create_group(group: ProtectionGroup) -> None:
    """Store a new group."""
    dynamo.put(settings().protection_groups_table, group.to_item())


def get_group(group_id: str) -> ProtectionGroup:
    """Raise GroupNotFound when there is none."""
    return ProtectionGroup.from_item(group_row(group_id))


def group_row(group_id: str) -> dict[str, Any]:
    """The group with `usedBy`; raise GroupNotFound when there is none."""
    item = dynamo.get(settings().protection_groups_table, {"groupId": group_id})
    if item is None:
        raise GroupNotFound(f"there is no protection group {group_id}")
    return item


def find_groups(group_ids: Iterable[str]) -> dict[str, ProtectionGroup]:
    """The groups that exist among these ids."""
    table = settings().protection_groups_table
    found = (dynamo.get(table, {"groupId": group_id}) for group_id in group_ids)
    groups = [ProtectionGroup.from_item(item) for item in found if item]
    return {group.group_id: group for group in groups}


def update_group(group: ProtectionGroup, version: int) -> dict[str, Any]:
    """Write it over the version given; return its row. A run that is on keeps the group as it was at the start.

    Raise GroupNotFound, VersionConflict, GroupInUse when a plan names a server that the group would lose.
    """
    key = {"groupId": group.group_id}
    row = group_row(group.group_id)
    _refuse_losses(row, group)
    wanted = replace(group, version=version + 1).to_item()
    try:
        dynamo.update(settings().protection_groups_table, key, **_over(row, wanted, key, version))
    except ConditionRefused:
        row = group_row(group.group_id)
        _accept_own(row, wanted, GroupNotFound(f"there is no protection group {group.group_id}"))
    return {**wanted, "usedBy": row.get("usedBy")}


def _refuse_losses(row: Mapping[str, Any], group: ProtectionGroup) -> None:
    """Of a group by tags it is not known which servers it has, so only one by ids can lose any."""
    if not group.server_ids:
        return
    losing = [
        plan
        for plan in _plans_of(row)
        for use in (use for wave in plan.waves for use in wave.groups)
        if use.group_id == group.group_id and not group.listed.issuperset(use.only_server_ids)
    ]
    if losing:
        names = _names(losing)
        raise GroupInUse(f"recovery plans name servers that it would lose: {', '.join(names)}", recoveryPlans=names)


def delete_group(group_id: str, version: int | None = None) -> None:
    """Delete a group that no plan uses. Raise GroupNotFound, GroupInUse, VersionConflict."""
    row = group_row(group_id)
    current = int(row.get("version", 1))
    _require(current, version)
    try:
        dynamo.delete(
            settings().protection_groups_table,
            {"groupId": group_id},
            f"attribute_exists(#groupId) AND attribute_not_exists(#usedBy) AND {SAME_VERSION}",
            {"version": current},
        )
    except ConditionRefused as refused:
        left = dynamo.get(settings().protection_groups_table, {"groupId": group_id})
        if left is None:
            return  # our own delete, whose answer was lost, or another's
        if left.get("usedBy"):
            names = _names(_plans_of(left))
            raise GroupInUse(f"recovery plans use it: {', '.join(names)}", recoveryPlans=names) from refused
        _refuse_stale(left)


def list_groups(limit: int, token: str | None) -> Page:
    """A page of groups, each with `usedBy`."""
    return _page(settings().protection_groups_table, limit, token)


def _plans_of(row: Mapping[str, Any]) -> list[RecoveryPlan]:
    table = settings().recovery_plans_table
    rows = (dynamo.get(table, {"planId": plan_id}) for plan_id in sorted(row.get("usedBy", ())))
    return [RecoveryPlan.from_item(plan) for plan in rows if plan]


def _names(plans: Iterable[RecoveryPlan]) -> list[str]:
    return list(dict.fromkeys(f"{plan.name} ({plan.plan_id})" for plan in plans))[:MOST_NAMED]


# --- recovery plans ---------------------------------------------------------------------------------------------
def create_plan(plan: RecoveryPlan) -> None:
    """Store a new plan and note it with its groups; raise InvalidRequest when one of them has just gone."""
    put = {
        "Item": dynamo.to_wire(plan.to_item()),
        "ConditionExpression": "attribute_not_exists(#planId)",
        "ExpressionAttributeNames": {"#planId": "planId"},
    }
    try:
        dynamo.transact(
            [
                {"Put": {"TableName": settings().recovery_plans_table, **put}},
                *(_note_use(group_id, plan.plan_id, "ADD") for group_id in plan.group_ids),
            ]
        )
    except ConditionRefused as refused:
        if _plan_row(plan.plan_id) is None:
            raise _groups_gone() from refused


def get_plan(plan_id: str) -> RecoveryPlan:
    """Raise PlanNotFound when there is none."""
    item = _plan_row(plan_id)
    if item is None:
        raise PlanNotFound(f"there is no recovery plan {plan_id}")
    return RecoveryPlan.from_item(item)


def _plan_row(plan_id: str) -> dict[str, Any] | None:
    return dynamo.get(settings().recovery_plans_table, {"planId": plan_id})


def update_plan(plan: RecoveryPlan, version: int) -> RecoveryPlan:
    """Write it over the version given, whether it runs or not: a run keeps the copy it was started with.

    The lock is not touched. Raise PlanNotFound, VersionConflict, InvalidRequest when a group has just gone.
    """
    row = _plan_row(plan.plan_id)
    if row is None:
        raise PlanNotFound(f"there is no recovery plan {plan.plan_id}")
    before, after = set(RecoveryPlan.from_item(row).group_ids), set(plan.group_ids)
    key = {"planId": plan.plan_id}
    wanted = replace(plan, version=version + 1)
    over = _over(row, wanted.to_item(), key, version)
    change = dynamo.assignment(key, over.pop("values"), **over)
    left = find_groups(before - after)  # a group that is no longer there needs no note
    try:
        dynamo.transact(
            [
                {"Update": {"TableName": settings().recovery_plans_table, **change}},
                *(_note_use(group_id, plan.plan_id, "ADD") for group_id in sorted(after - before)),
                *(_note_use(group_id, plan.plan_id, "DELETE") for group_id in left),
            ]
        )
    except ConditionRefused as refused:
        fresh = _plan_row(plan.plan_id)
        if fresh and int(fresh.get("version", 1)) == version:
            raise _groups_gone() from refused
        _accept_own(fresh, wanted.to_item(), PlanNotFound(f"there is no recovery plan {plan.plan_id}"))
        row = fresh or row
    return replace(wanted, active_execution_id=row.get("activeExecutionId"))


def delete_plan(plan_id: str, version: int | None = None) -> None:
    """Delete a plan that does not run. Raise PlanNotFound, PlanInUse naming the run, VersionConflict."""
    plan = get_plan(plan_id)
    _require(plan.version, version)
    delete = {
        "Key": dynamo.to_wire({"planId": plan_id}),
        "ConditionExpression": (
            f"attribute_exists(#planId) AND attribute_not_exists(#activeExecutionId) AND {SAME_VERSION}"
        ),
        "ExpressionAttributeNames": {name: name[1:] for name in ("#planId", "#activeExecutionId", "#version")},
        "ExpressionAttributeValues": dynamo.to_wire({":version": plan.version}),
    }
    try:
        dynamo.transact(
            [
                {"Delete": {"TableName": settings().recovery_plans_table, **delete}},
                *(_note_use(group_id, plan_id, "DELETE") for group_id in find_groups(plan.group_ids)),
            ]
        )
    except ConditionRefused as refused:
        left = _plan_row(plan_id)
        if left is None:
            return  # our own delete, whose answer was lost, or another's
        if running := left.get("activeExecutionId"):
            raise PlanInUse(f"plan {plan.name!r} is running as {running}", executionId=running) from refused
        _refuse_stale(left)


def list_plans(limit: int, token: str | None) -> Page:
    """A page of plans."""
    return _page(settings().recovery_plans_table, limit, token)


def _note_use(group_id: str, plan_id: str, verb: str) -> dict[str, Any]:
    """The part of a transaction that adds the plan to the group's `usedBy` or, with DELETE, takes it out."""
    note = {
        "Key": dynamo.to_wire({"groupId": group_id}),
        "UpdateExpression": f"{verb} #usedBy :plan",
        "ConditionExpression": "attribute_exists(#groupId)",  # else it would make half a row of a group that is gone
        "ExpressionAttributeNames": {"#usedBy": "usedBy", "#groupId": "groupId"},
        "ExpressionAttributeValues": dynamo.to_wire({":plan": {plan_id}}),
    }
    return {"Update": {"TableName": settings().protection_groups_table, **note}}


def _groups_gone() -> InvalidRequest:
    problem = {"field": "waves", "message": "a protection group of the plan was deleted at this moment"}
    return InvalidRequest("The plan names things that are not there.", [problem])


# --- versions ---------------------------------------------------------------------------------------------------
def _over(row: Mapping[str, Any], item: Mapping[str, Any], key: Mapping[str, str], version: int) -> dict[str, Any]:
    """What `dynamo.assignment` is told to make of the row the item, if the row still has this version."""
    values = {name: value for name, value in item.items() if value is not None and name not in key}
    (key_name,) = key
    return {
        "values": values,
        "remove": sorted(row.keys() - values.keys() - key.keys() - WRITTEN_BY_OTHERS),
        "condition": f"attribute_exists(#{key_name}) AND {SAME_VERSION}",
        "given": {"version": version},
    }


def _accept_own(row: Mapping[str, Any] | None, item: Mapping[str, Any], gone: Exception) -> None:
    """After a refused write: nothing if the row is what was to be written, as when the write's answer was lost."""
    if row is None:
        raise gone
    written = dynamo.from_wire(dynamo.to_wire(item))
    if {name: value for name, value in row.items() if name not in WRITTEN_BY_OTHERS} != written:
        _refuse_stale(row)


def _require(current: int, version: int | None) -> None:
    if version is not None and version != current:
        _refuse_stale({"version": current})


def _refuse_stale(row: Mapping[str, Any]) -> NoReturn:
    current = int(row.get("version", 1))
    raise VersionConflict(f"it has been changed since; its version is {current} now", version=current)


def _delete_if_same(table: str, key: Mapping[str, str], version: int) -> None:
    (key_name,) = key
    try:
        dynamo.delete(table, key, f"attribute_exists(#{key_name}) AND {SAME_VERSION}", {"version": version})
    except ConditionRefused:
        if left := dynamo.get(table, key):
            _refuse_stale(left)


def _page(table: str, limit: int, token: str | None) -> Page:
    # Nothing is filtered, so every page is full and a scan reads no more than it shows.
    return read_page(dynamo.client().scan, limit, token, TableName=table)
