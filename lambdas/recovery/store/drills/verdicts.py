"""VERDICT# rows of the `drills` table: what a person says of a run that has ended."""

from recovery.aws import dynamodb
from recovery.domain.drills.verdicts import PREFIX, DrillVerdict
from recovery.settings import settings


def get_verdict(plan_id: str, execution_id: str) -> DrillVerdict | None:
    """The verdict on a run of this plan; None before the first."""
    row = dynamodb.get(settings().drills_table, {"planId": plan_id, "item": PREFIX + execution_id})
    return DrillVerdict.from_item(row) if row else None


def put_verdict(verdict: DrillVerdict) -> bool:
    """Write the verdict after the one that it replaces; False if another one has come between."""
    condition = "attribute_not_exists(#planId)" if verdict.version == 1 else "#version = :before"
    given = None if verdict.version == 1 else {"before": verdict.version - 1}
    return dynamodb.put_if(settings().drills_table, verdict.to_item(), condition, given)
