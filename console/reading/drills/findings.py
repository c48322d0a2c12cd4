"""What people found in drills and have to mend: drill findings, with their owners and due dates."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cli.api_client import ApiClient
from console.reading.drills.compliance import list_drilled

# Drill findings are listed by plan. More plans than that are not asked; those that were drilled last come first. Those
# without a drill come after them: a recovery has findings too, and a drill is on record some time after its end.
MAX_PLANS_ASKED, READERS = 60, 4
# Titles and other texts are as long as the API takes them.
MAX_TITLE, MAX_TEXT, MAX_OWNER = 100, 1000, 100
# Findings on a page of the API, at most.
PAGE = "20"


@dataclass(frozen=True, slots=True)
class Finding:
    """A drill finding of a plan."""

    plan_id: str
    plan_name: str
    item: Mapping[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed."""
        return bool(self.item["status"] == "OPEN")

    @property
    def is_overdue(self) -> bool:
        """Whether it is open after the day on which it was due."""
        return bool(self.item["overdue"])


def read_open(api: ApiClient, plan_id: str) -> list[dict[str, Any]]:
    """The open drill findings of a plan. Raise ApiRefused, ApiUnreachable."""
    return list(api.list_items(_path(plan_id), "drillFindings", status="OPEN", limit=PAGE))


def read_all_open(api: ApiClient, plans: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The open drill `findings` of these plans, as compliance has them, and how many plans were `unread`.

    Raise ApiRefused, ApiUnreachable.
    """
    plans = list(plans)
    drilled = [*list_drilled(plans), *(plan for plan in plans if not plan["lastDrill"])]
    asked = drilled[:MAX_PLANS_ASKED]
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda plan: read_open(api, plan["planId"]), asked))
    findings = [
        {"planId": plan["planId"], "planName": plan["planName"], "finding": each}
        for plan, of_plan in zip(asked, found, strict=True)
        for each in of_plan
    ]
    return {"findings": findings, "unread": len(drilled) - len(asked)}


def list_findings(findings: Iterable[Mapping[str, Any]], plan_id: str, plan_name: str) -> list[Finding]:
    """The drill findings of a plan, open ones first, then by due date."""
    return sort_findings(Finding(plan_id, plan_name, each) for each in findings)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Open ones before closed ones, then by due date; those without one come last."""
    return sorted(findings, key=lambda each: (not each.is_open, each.item["due"] or "9", each.item["findingId"]))


def _path(plan_id: str) -> str:
    return f"/recovery-plans/{plan_id}/drill-findings"


def find_finding(api: ApiClient, plan_id: str, finding_id: str) -> dict[str, Any] | None:
    """A drill finding of a plan, open or closed; None if there is none. Raise ApiRefused, ApiUnreachable."""
    found = api.list_items(_path(plan_id), "drillFindings", limit=PAGE)
    return next((each for each in found if each["findingId"] == finding_id), None)


def mark_finding(finding: Mapping[str, Any]) -> str:
    """What a dialog about a finding has shown."""
    return f"{finding['findingId']} {finding['version']} {finding['status']}"
