"""What people say of runs, as the API shows it: verdicts, drill findings, and the assessment of a run."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time, Versioned, build_from_row
from recovery.domain.drills.drill_findings import Change, FindingStatus
from recovery.domain.drills.drill_findings import DrillFinding as StoredFinding
from recovery.domain.drills.verdicts import DrillVerdict, Judgement
from recovery.drills.assessment import Assessment as StoredAssessment


class VerdictOpinion(TypedDict):
    """What a person said of a run."""

    verdict: Annotated[Judgement, Field(description="Whether the person accepts or rejects the run.")]
    comment: Annotated[str, Field(description="The reason; it may be empty for an acceptance.")]
    by: Annotated[str, Field(description="The verified ARN of the caller.")]
    at: Annotated[Time, Field(description="When the verdict was given.")]


class PersonVerdict(VerdictOpinion, Versioned):
    """The verdict of a person on a run that has ended."""

    executionId: str
    earlier: Annotated[list[VerdictOpinion], Field(description="The verdicts that it has replaced, oldest first.")]


class DrillFindingChange(TypedDict):
    """A change of a drill finding."""

    change: Annotated[Change, Field(description="What was done to the finding.")]
    by: Annotated[str, Field(description="The verified ARN of the caller.")]
    at: Annotated[Time, Field(description="When it was done.")]
    comment: Annotated[str, Field(description="Why; of a change, what the finding said before.")]


class DrillFindingSummary(Versioned):
    """What a person has found in a run: it stays open until a person closes it."""

    findingId: Annotated[str, Field(description="The id of the finding.")]
    planId: str
    executionId: Annotated[str, Field(description="The run that it was opened about.")]
    title: Annotated[str, Field(description="What was found, in a few words.")]
    description: Annotated[str, Field(description="What was found, and what to do about it.")]
    owner: Annotated[str, Field(description="Who sees to it.")]
    due: Annotated[str, Field(description="The last day on which it is in time.", json_schema_extra={"format": "date"})]
    status: Annotated[FindingStatus, Field(description="Whether it is open.")]
    overdue: Annotated[bool, Field(description="Whether it is open after the day on which it was due, in UTC.")]
    openedBy: Annotated[str, Field(description="The verified ARN of the caller who opened it.")]
    openedAt: Annotated[Time, Field(description="When it was opened.")]
    closedBy: Annotated[str | None, Field(description="Who closed it; null while it is open.")]
    closedAt: Annotated[Time | None, Field(description="When it was closed; null while it is open.")]
    closingComment: Annotated[str | None, Field(description="What was done about it; null while it is open.")]


class DrillFinding(DrillFindingSummary):
    """What a person has found in a run, and what was done to it."""

    changes: Annotated[list[DrillFindingChange], Field(description="What was done to it since, oldest first.")]


class DrillFindings(Paged):
    """A page of the drill findings of a plan, the most urgent first."""

    drillFindings: Annotated[list[DrillFindingSummary], Field(description="The findings.")]


class PreviousDrill(TypedDict):
    """The drill of the plan before this run."""

    executionId: str
    requestedAt: Annotated[Time, Field(description="When it was requested.")]
    status: Annotated[str, Field(description="How it ended.")]
    planHash: Annotated[str, Field(description="The hash of its plan.")]


class AssessmentChange(TypedDict):
    """A difference between the plan and groups of the drill before and those of this run."""

    subject: Annotated[str, Field(description="`plan`, or `group` and the name of the group.")]
    field: Annotated[str, Field(description="What differs, such as `waves[db].checks`.")]
    before: Annotated[str | None, Field(description="The value before, cut if it is long; null if there was none.")]
    after: Annotated[str | None, Field(description="The value of this run, cut if it is long; null if it has none.")]


class Assessment(TypedDict):
    """What is known of a run beside its record: whether it counts, what people say, and what has changed."""

    executionId: str
    counts: Annotated[
        bool | None,
        Field(description="Whether it counts as a drill of its plan; null for no drill, and until that is recorded."),
    ]
    whyNot: Annotated[list[str], Field(description="Why it does not count, each reason a sentence.")]
    planHash: Annotated[str, Field(description="SHA-256 of the waves and actions of the plan that the run had.")]
    verdict: Annotated[PersonVerdict | None, Field(description="What a person says of it; null before the first.")]
    previous: Annotated[PreviousDrill | None, Field(description="The drill of the plan before; null if none is known.")]
    changes: Annotated[
        list[AssessmentChange] | None,
        Field(description="The first 200 differences to the drill before; null if they are not known."),
    ]
    findings: Annotated[list[DrillFindingSummary], Field(description="The findings that were opened about this run.")]
    carried: Annotated[
        list[DrillFindingSummary],
        Field(
            description="The findings about earlier runs that were open at the end of the drill before, or were opened "
            "between it and this run, as they are now."
        ),
    ]


def build_verdict(verdict: DrillVerdict) -> PersonVerdict:
    """The verdict with those before it."""
    earlier = [build_from_row(VerdictOpinion, each.to_item()) for each in verdict.earlier]
    return build_from_row(PersonVerdict, verdict.to_item(), earlier=earlier)


def build_finding(finding: StoredFinding, now: float) -> DrillFinding:
    """The finding at this moment in epoch seconds."""
    changes = [build_from_row(DrillFindingChange, each.to_item()) for each in finding.changes]
    return build_from_row(DrillFinding, finding.to_item(), overdue=finding.is_overdue(now), changes=changes)


def build_summary(finding: StoredFinding, now: float) -> DrillFindingSummary:
    """The finding without its changes: a list may have hundreds of findings, and an answer has 6 MB."""
    return build_from_row(DrillFindingSummary, finding.to_item(), overdue=finding.is_overdue(now))


def build_assessment(found: StoredAssessment, now: float) -> Assessment:
    """The assessment at this moment in epoch seconds."""
    return {
        "executionId": found.run.execution_id,
        "counts": found.outcome.counts if found.outcome else None,
        "whyNot": list(found.outcome.why_not) if found.outcome else [],
        "planHash": found.plan_hash,
        "verdict": build_verdict(found.verdict) if found.verdict else None,
        "previous": build_from_row(PreviousDrill, found.previous.to_item()) if found.previous else None,
        "changes": None
        if found.changes is None
        else [
            {
                "subject": each.subject,
                "field": each.difference.field,
                "before": each.difference.before,
                "after": each.difference.after,
            }
            for each in found.changes
        ],
        "findings": [build_summary(each, now) for each in found.findings],
        "carried": [build_summary(each, now) for each in found.carried],
    }
