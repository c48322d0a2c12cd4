"""The listing of what people have found in drills."""

from cli.listings.columns import Column, Item, Listing
from recovery.free_text import flatten


def show_state(finding: Item) -> str:
    """`overdue`, `open` or `closed`."""
    return "overdue" if finding["overdue"] else flatten(finding["status"]).lower()


DRILL_FINDINGS = Listing(
    path="/recovery-plans/{planId}/drill-findings",
    items="drillFindings",
    schema="DrillFindingSummary",
    columns=(
        Column("findingId", "finding"),
        Column("status", "state", show_state, of_item=True),
        Column("due", "due"),
        Column("owner", "owner", folds=True),
        Column("title", "title", folds=True),
        Column("planName", "plan", folds=True, optional=True),
        Column("executionId", "run", optional=True),
        Column("closingComment", "closed because", below=True, if_any=True),
        Column("overdue", "overdue", in_table=False),
        Column("planId", "plan id", in_table=False),
        Column("description", "description", in_table=False),
        Column("openedBy", "opened by", in_table=False),
        Column("openedAt", "opened", in_table=False),
        Column("closedBy", "closed by", in_table=False),
        Column("closedAt", "closed", in_table=False),
    ),
    empty="There are no such drill findings.",
    added={"planName": {"description": "The name of the plan.", "type": "string"}},
)
