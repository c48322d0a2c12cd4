"""FINDING# rows of the `drills` table: what people have found in the drills of a plan."""

from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain.drills.drill_findings import PREFIX, DrillFinding
from recovery.settings import settings


def create_finding(finding: DrillFinding) -> bool:
    """Write a new finding; False if there is one with its id."""
    return dynamodb.put_new(settings().drills_table, finding.to_item(), "planId")


def get_finding(plan_id: str, finding_id: str) -> DrillFinding | None:
    """The finding, or None."""
    row = dynamodb.get(settings().drills_table, {"planId": plan_id, "item": PREFIX + finding_id})
    return DrillFinding.from_item(row) if row else None


def list_findings(plan_id: str) -> list[DrillFinding]:
    """Every finding about runs of this plan, open or closed, in no order."""
    rows = dynamodb.query(settings().drills_table, Partition("planId", plan_id, ("item", PREFIX)))
    return [DrillFinding.from_item(row) for row in rows]


def replace_finding(finding: DrillFinding) -> bool:
    """Write the finding after a change; False if it was changed by another request since it was read."""
    given = {"before": finding.version - 1}
    return dynamodb.put_if(settings().drills_table, finding.to_item(), "#version = :before", given)
