"""Findings that people open about runs: the plan keeps them until they are closed, and each next report has them."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from recovery import clock
from recovery.catalog import plans
from recovery.domain.drills.drill_findings import (
    MAX_CHANGES,
    MAX_OF_RUN,
    MAX_OPEN_OF_PLAN,
    Change,
    DrillFinding,
    FindingChange,
    FindingStatus,
    sort_by_urgency,
    today,
)
from recovery.domain.execution import Mode
from recovery.drill_errors import DrillFindingNotFound, DrillFindingRefused
from recovery.errors import AwsUnavailable, InvalidRequest, VersionConflict
from recovery.runs.decisions import Operator
from recovery.store import executions
from recovery.store.drills import drill_findings

# Others who change the same finding at the same moment.
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class FindingText:
    """What a person writes of a finding. `due` is the last day on which it is in time, in UTC."""

    title: str
    description: str
    owner: str
    due: date


def open_finding(execution_id: str, finding_id: str, text: FindingText, operator: Operator) -> DrillFinding:
    """Open a finding about a drill or a recovery, running or ended; one with this id that is there is returned.

    Raise ExecutionNotFound, InvalidRequest for a due date in the past, DrillFindingRefused.
    """
    run = executions.get_run(execution_id)
    if run.mode is Mode.READINESS:
        raise DrillFindingRefused(
            f"no drill finding about execution {execution_id}: it is a readiness run, which has findings of its own",
            executionId=execution_id,
        )
    known = drill_findings.list_findings(run.plan_id)
    if same := [each for each in known if each.finding_id == finding_id]:
        return same[0]
    _require_not_past(text.due)
    if sum(each.status is FindingStatus.OPEN for each in known) >= MAX_OPEN_OF_PLAN:
        raise DrillFindingRefused(f"plan {run.plan_id} has {MAX_OPEN_OF_PLAN} open drill findings; close some first")
    if sum(each.execution_id == execution_id for each in known) >= MAX_OF_RUN:
        raise DrillFindingRefused(f"execution {execution_id} has {MAX_OF_RUN} drill findings, and room for no more")
    finding = DrillFinding(
        plan_id=run.plan_id,
        finding_id=finding_id,
        execution_id=execution_id,
        title=text.title,
        description=text.description,
        owner=text.owner,
        due=text.due,
        opened_by=operator.name,
        opened_at=clock.iso(),
    )
    if drill_findings.create_finding(finding):
        return finding
    return drill_findings.get_finding(run.plan_id, finding_id) or finding  # the same request, at the same moment


def change_finding(plan_id: str, finding_id: str, text: FindingText, version: int, operator: Operator) -> DrillFinding:
    """Give the finding another text, owner or due date. Raise DrillFindingNotFound, InvalidRequest, VersionConflict."""
    finding = get_finding(plan_id, finding_id)
    if _read_text(finding) == text:
        return finding
    if finding.version != version:
        raise VersionConflict(
            f"it has been changed since; its version is {finding.version} now", version=finding.version
        )
    _require_room(finding, Change.CHANGED)
    if text.due != finding.due:
        _require_not_past(text.due)
    before = f"before: {finding.title}; {finding.owner}, due {finding.due}"
    changed = finding.add_change(
        FindingChange(Change.CHANGED, operator.name, clock.iso(), before),
        title=text.title,
        description=text.description,
        owner=text.owner,
        due=text.due,
    )
    if drill_findings.replace_finding(changed):
        return changed
    raise VersionConflict("it has been changed since", version=get_finding(plan_id, finding_id).version)


def close_finding(plan_id: str, finding_id: str, operator: Operator) -> DrillFinding:
    """Close an open finding. Raise DrillFindingNotFound, DrillFindingRefused if it is closed."""
    return _record(plan_id, finding_id, Change.CLOSED, FindingStatus.OPEN, operator)


def reopen_finding(plan_id: str, finding_id: str, operator: Operator) -> DrillFinding:
    """Open a closed finding again. Raise DrillFindingNotFound, DrillFindingRefused if it is open."""
    return _record(plan_id, finding_id, Change.REOPENED, FindingStatus.CLOSED, operator)


def _record(plan_id: str, finding_id: str, change: Change, wanted: FindingStatus, operator: Operator) -> DrillFinding:
    for _ in range(MAX_ATTEMPTS):
        finding = get_finding(plan_id, finding_id)
        if finding.has_recorded(operator.request):
            return finding
        if finding.status is not wanted:
            raise DrillFindingRefused(f"drill finding {finding_id} is {finding.status.value}")
        _require_room(finding, change)
        entry = FindingChange(change, operator.name, clock.iso(), operator.comment, operator.request)
        changed = finding.add_change(entry)
        if drill_findings.replace_finding(changed):
            return changed
    raise AwsUnavailable("other requests are changing this drill finding; try again")


# --- reads ------------------------------------------------------------------------------------------------------
def get_finding(plan_id: str, finding_id: str) -> DrillFinding:
    """The finding. Raise DrillFindingNotFound."""
    finding = drill_findings.get_finding(plan_id, finding_id)
    if finding is None:
        raise DrillFindingNotFound(f"plan {plan_id} has no drill finding {finding_id}")
    return finding


def list_of_plan(plan_id: str, keep: Callable[[DrillFinding], bool] = lambda finding: True) -> list[DrillFinding]:
    """The findings about runs of the plan that are to be kept, the most urgent first; also those of a deleted plan.

    Raise PlanNotFound if there never was such a plan, as far as is known.
    """
    found = drill_findings.list_findings(plan_id)
    if not found:
        plans.get_plan(plan_id)
    return [each for each in sort_by_urgency(found) if keep(each)]


def list_overdue() -> dict[str, list[DrillFinding]]:
    """The findings that are open after their due date, by the id of their plan, for every plan of the catalog."""
    now, overdue = clock.now(), defaultdict[str, list[DrillFinding]](list)
    for plan, _ in plans.list_with_groups():
        late = [each for each in drill_findings.list_findings(plan.plan_id) if each.is_overdue(now)]
        if late:
            overdue[plan.plan_id] = sort_by_urgency(late)
    return dict(overdue)


def _read_text(finding: DrillFinding) -> FindingText:
    return FindingText(finding.title, finding.description, finding.owner, finding.due)


def _require_room(finding: DrillFinding, change: Change) -> None:
    if not finding.has_room(change):
        problem = f"has had {MAX_CHANGES} changes, and its row has room for no more; open a new one"
        raise DrillFindingRefused(f"drill finding {finding.finding_id} {problem}")


def _require_not_past(due: date) -> None:
    if due < (now := today(clock.now())):
        message = f"must not be in the past; today is {now.isoformat()} (UTC)"
        raise InvalidRequest("The drill finding is not valid.", [{"field": "due", "message": message}])
