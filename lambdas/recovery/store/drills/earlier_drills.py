"""DRILL# rows of the `drills` table, as the assessment of a run needs them: its own, and that of the drill before."""

from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition, from_wire, to_wire
from recovery.domain.drills.outcome import PREFIX, DrillOutcome
from recovery.settings import settings


def find_outcome(plan_id: str, execution_id: str) -> DrillOutcome | None:
    """What is recorded of this drill; None before it is recorded, and for a run that is no drill."""
    row = dynamodb.get(settings().drills_table, {"planId": plan_id, "item": PREFIX + execution_id})
    return DrillOutcome.from_item(row) if row else None


def find_drill_before(plan_id: str, execution_id: str) -> DrillOutcome | None:
    """The last drill of the plan that was requested before this drill or recovery; None if none is recorded.

    The id of a run has its time after its kind, and so the rows of drills are in the order of their times.
    """
    start = {"planId": plan_id, "item": f"{PREFIX}drill-{execution_id.partition('-')[2]}"}
    drills = Partition("planId", plan_id, ("item", PREFIX))
    answer = dynamodb.query_once(settings().drills_table, drills, 1, to_wire(start), newest_first=True)
    rows = [from_wire(item) for item in answer["Items"]]
    return DrillOutcome.from_item(rows[0]) if rows else None
