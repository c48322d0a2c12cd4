"""What refuses a readiness run besides the servers of its waves: steps that would not work, and findings of targets."""

from collections.abc import Iterable

from recovery.domain.findings.catalogue import CATALOGUE, Scope
from recovery.domain.findings.codes import Code
from recovery.domain.findings.finding import Severity
from recovery.domain.findings.gathering import Found, describe, gather
from recovery.domain.target import Target
from recovery.store.launches import findings
from recovery.target_services.prerequisites import StepProblem


def record_refused_steps(execution_id: str, problems: Iterable[StepProblem]) -> None:
    """Write which checks and actions of the plan would not work, in the target that each problem is of.

    A mistake of the plan is of no target; it is in the reason of the run.
    """
    found: dict[Target, list[Found]] = {}
    for problem in problems:
        if problem.target:
            found.setdefault(problem.target, []).append(
                Found(Code.STEP_REFUSED, problem.describe(), remedy=problem.advice or "")
            )
    for target, each in found.items():
        findings.record(execution_id, target, gather(each), part="steps")


def list_refusals(execution_id: str) -> list[str]:
    """What refuses a readiness run, whatever its waves tolerate."""
    return [
        f"{each.target.key}: {describe(finding)}"
        for each in findings.list_findings(execution_id)
        for finding in each.findings
        if finding.severity is Severity.BLOCKING and CATALOGUE[Code(finding.code)].scope is Scope.TARGET
    ]
