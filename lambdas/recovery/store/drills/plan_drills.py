"""What is on record of the drills of many plans at once, in a few BatchGetItems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recovery.aws import dynamodb
from recovery.domain.drills.schedules import Schedule
from recovery.settings import settings
from recovery.store.drills.outcomes import SERVERS, SUMMARY, Counted, DrillSummary, ServerPart
from recovery.store.drills.schedules import SCHEDULE


@dataclass(frozen=True, slots=True)
class PlanDrills:
    """What is on record of the drills of a plan."""

    schedule: Schedule
    summary: DrillSummary = field(default_factory=DrillSummary)
    servers: Mapping[str, Counted] = field(default_factory=dict)


def read_plans(plan_ids: Sequence[str]) -> dict[str, PlanDrills]:
    """The drills of these plans, by plan: three keys for each, and more only for many servers."""
    table = settings().drills_table
    keys = [_key(plan_id, item) for plan_id in plan_ids for item in (SUMMARY, SCHEDULE, f"{SERVERS}0")]
    rows = {(row["planId"], row["item"]): row for row in dynamodb.batch_get(table, keys)}
    summaries = {plan_id: DrillSummary.from_item(rows.get((plan_id, SUMMARY))) for plan_id in plan_ids}
    rest = [
        _key(plan_id, f"{SERVERS}{number}")
        for plan_id, summary in summaries.items()
        for number in range(1, summary.parts)
    ]
    servers: dict[str, dict[str, Counted]] = {plan_id: {} for plan_id in plan_ids}
    for row in (*rows.values(), *(dynamodb.batch_get(table, rest) if rest else ())):
        if row["item"].startswith(SERVERS):
            servers[row["planId"]].update(ServerPart.from_item(row).servers)
    return {
        plan_id: PlanDrills(
            Schedule.from_item(rows.get((plan_id, SCHEDULE), {"planId": plan_id})), summary, servers[plan_id]
        )
        for plan_id, summary in summaries.items()
    }


def _key(plan_id: str, item: str) -> dict[str, str]:
    return {"planId": plan_id, "item": item}
