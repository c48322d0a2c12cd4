"""What people keep: protection groups, recovery plans and target accounts."""

from collections.abc import Iterable
from dataclasses import dataclass

from recovery import dynamo
from recovery.errors import GroupNotFound, PlanNotFound, TargetNotRegistered
from recovery.pages import Page, read_page
from recovery.plan import ProtectionGroup, RecoveryPlan
from recovery.settings import settings


@dataclass(frozen=True, slots=True)
class TargetAccount:
    """How drs-waves reaches an account, the one it runs in included: by a role and an external id."""

    account_id: str
    role_arn: str
    external_id: str


def target_account(account_id: str) -> TargetAccount:
    """Raise TargetNotRegistered when the account has no row."""
    item = dynamo.get(settings().target_accounts_table, {"accountId": account_id})
    if item is None:
        raise TargetNotRegistered(f"account {account_id} is not registered as a target account")
    return TargetAccount(account_id, item["roleArn"], item["externalId"])


def create_group(group: ProtectionGroup) -> None:
    """Store a new group."""
    dynamo.put(settings().protection_groups_table, group.to_item())


def get_group(group_id: str) -> ProtectionGroup:
    """Raise GroupNotFound when there is none."""
    item = dynamo.get(settings().protection_groups_table, {"groupId": group_id})
    if item is None:
        raise GroupNotFound(f"there is no protection group {group_id}")
    return ProtectionGroup.from_item(item)


def find_groups(group_ids: Iterable[str]) -> dict[str, ProtectionGroup]:
    """The groups that exist among these ids."""
    table = settings().protection_groups_table
    found = (dynamo.get(table, {"groupId": group_id}) for group_id in group_ids)
    groups = [ProtectionGroup.from_item(item) for item in found if item]
    return {group.group_id: group for group in groups}


def create_plan(plan: RecoveryPlan) -> None:
    """Store a new plan."""
    dynamo.put(settings().recovery_plans_table, plan.to_item())


def get_plan(plan_id: str) -> RecoveryPlan:
    """Raise PlanNotFound when there is none."""
    item = dynamo.get(settings().recovery_plans_table, {"planId": plan_id})
    if item is None:
        raise PlanNotFound(f"there is no recovery plan {plan_id}")
    return RecoveryPlan.from_item(item)


def list_groups(limit: int, token: str | None) -> Page:
    """A page of groups."""
    return _scan(settings().protection_groups_table, limit, token)


def list_plans(limit: int, token: str | None) -> Page:
    """A page of plans."""
    return _scan(settings().recovery_plans_table, limit, token)


def _scan(table: str, limit: int, token: str | None) -> Page:
    # Nothing is filtered, so every page is full and a scan reads no more than it shows.
    return read_page(dynamo.client().scan, limit, token, TableName=table)
