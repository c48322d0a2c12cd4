"""Who changed a plan, group or account, when, and what was different. What has been deleted has its history too."""

from collections.abc import Callable
from typing import Any

from api.http.parameters import PAGE, page_parameters
from api.http.request import require_account_id, require_id
from api.router import Router
from api.schemas.responses.drills.history import History, HistoryEntry
from recovery.catalog import history
from recovery.catalog.accounts import find_account_row
from recovery.catalog.groups import find_group_row, find_groups
from recovery.catalog.history import Kind
from recovery.catalog.plans import find_plan_row
from recovery.domain.drills.differences import shorten
from recovery.errors import AccountNotFound, GroupNotFound, NotFound, PlanNotFound

router = Router("History")


@router.operation("GET", "/recovery-plans/{planId}/history", parameters=PAGE, errors=(PlanNotFound,))
def list_plan_history(plan_id: str) -> History:
    """Lists the versions of a recovery plan, newest first, page by page: who wrote each, when, and what it changed.

    Answers for a deleted plan too, and 404 only if there never was one.
    """
    return _list_history(Kind.PLAN, require_id(plan_id, PlanNotFound, "recovery plan"), find_plan_row, PlanNotFound)


@router.operation("GET", "/protection-groups/{groupId}/history", parameters=PAGE, errors=(GroupNotFound,))
def list_group_history(group_id: str) -> History:
    """Lists the versions of a protection group, as those of a plan."""
    return _list_history(
        Kind.GROUP, require_id(group_id, GroupNotFound, "protection group"), find_group_row, GroupNotFound
    )


@router.operation("GET", "/target-accounts/{accountId}/history", parameters=PAGE, errors=(AccountNotFound,))
def list_account_history(account_id: str) -> History:
    """Lists the versions of a target account, as those of a plan.

    External ids are hidden; that one has changed is shown.
    """
    return _list_history(Kind.ACCOUNT, require_account_id(account_id), find_account_row, AccountNotFound)


def _list_history(
    kind: Kind, resource_id: str, find_row: Callable[[str], dict[str, Any] | None], unknown: type[NotFound]
) -> History:
    limit, token = page_parameters(router.current_event)
    page = history.list_entries(kind, resource_id, None if token else find_row(resource_id), limit, token)
    if not page.entries and not token:
        raise unknown(f"there is no history of {resource_id}")
    seen = [each for pair in page.entries for each in pair if each]
    names = {group_id: group.name for group_id, group in find_groups(history.list_group_ids(seen)).items()}
    return {
        "history": [_build_entry(entry, older, names) for entry, older in page.entries],
        "nextToken": page.next_token,
    }


def _build_entry(entry: dict[str, Any], older: dict[str, Any] | None, names: dict[str, str]) -> HistoryEntry:
    changes = map(shorten, history.list_differences(entry, older, names))
    return {
        "number": entry["version"],
        "version": entry["rowVersion"],
        "name": entry["name"],
        "at": entry.get("at"),
        "by": entry.get("by"),
        "deleted": bool(entry.get("deleted")),
        "found": bool(entry.get("found")),
        "changes": [{"field": each.field, "before": each.before, "after": each.after} for each in changes],
    }
