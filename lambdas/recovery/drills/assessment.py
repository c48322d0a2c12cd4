"""What is known of a run beside its record: whether it counts, what people say, and what changed since the last one."""

from collections.abc import Iterator
from dataclasses import dataclass

from recovery.domain.drills.differences import Difference, compare_content, shorten
from recovery.domain.drills.drill_findings import DrillFinding, sort_by_urgency
from recovery.domain.drills.fingerprints import plan_hash
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.verdicts import DrillVerdict
from recovery.domain.execution import Mode, Run
from recovery.errors import ExecutionNotFound
from recovery.store import chains, executions, run_requests
from recovery.store.drills import drill_findings, outcomes, verdicts

# Differences that an assessment lists. A plan has up to 380 KB.
MAX_CHANGES = 200


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A difference to the drill before, in the plan or in one of its groups: `plan`, `group web servers`."""

    subject: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Assessment:
    """The assessment of a run. `outcome` is None for what is no drill, and until it is recorded.

    `changes` are the first of those since `previous`, the drill of the plan before; None if there is none, or if its
    plan is not on record any more. `findings` were opened about this run; `carried` are those about earlier runs that
    were open between the end of the drill before and the request of this one, as they are now; if there was no drill
    before, all of them.
    """

    run: Run
    plan_hash: str
    outcome: DrillOutcome | None
    verdict: DrillVerdict | None
    previous: DrillOutcome | None
    changes: tuple[PlanChange, ...] | None
    findings: tuple[DrillFinding, ...]
    carried: tuple[DrillFinding, ...]


def assess(execution_id: str) -> Assessment:
    """Read the assessment of a run. Raise ExecutionNotFound."""
    run = executions.get_run(execution_id)
    known = sort_by_urgency(drill_findings.list_findings(run.plan_id))
    previous = _find_previous(run)
    since = previous.ended_at if previous else ""
    return Assessment(
        run=run,
        plan_hash=plan_hash(run_requests.get_plan(execution_id)),
        outcome=outcomes.get_outcome(run.plan_id, (run.requested_at, execution_id))[0]
        if run.mode is Mode.DRILL
        else None,
        verdict=verdicts.get_verdict(run.plan_id, execution_id),
        previous=previous,
        changes=_list_changes(previous.execution_id, execution_id) if previous else None,
        findings=tuple(each for each in known if each.execution_id == execution_id),
        carried=tuple(
            each
            for each in known
            if each.execution_id != execution_id and each.was_open_between(since, run.requested_at)
        ),
    )


def _find_previous(run: Run) -> DrillOutcome | None:
    """The last drill of the plan before this run, and before those that it continues."""
    first = chains.read_chain(run.execution_id).first if run.continues else run
    return outcomes.find_drill_before(run.plan_id, (first.requested_at, first.execution_id))


def _list_changes(before: str, after: str) -> tuple[PlanChange, ...] | None:
    """The differences between the plans and groups that two runs had. None if those of one are not on record."""
    try:
        found = _walk_changes(before, after)
        return tuple(change for change, _ in zip(found, range(MAX_CHANGES), strict=False))
    except ExecutionNotFound:
        return None


def _walk_changes(before: str, after: str) -> Iterator[PlanChange]:
    old_groups, new_groups = run_requests.get_groups(before), run_requests.get_groups(after)
    names = {group_id: group.name for group_id, group in (old_groups | new_groups).items()}
    old_plan, new_plan = run_requests.get_plan(before).to_item(), run_requests.get_plan(after).to_item()
    for difference in compare_content(old_plan, new_plan, names):
        yield PlanChange("plan", shorten(difference))
    for group_id, name in names.items():
        old, new = (groups.get(group_id) for groups in (old_groups, new_groups))
        for difference in compare_content(old.to_item() if old else None, new.to_item() if new else None):
            yield PlanChange(f"group {name}", shorten(difference))
