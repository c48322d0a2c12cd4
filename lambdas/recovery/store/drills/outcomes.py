"""What drills have shown, in the `drills` table: DRILL# for each, SUMMARY of a plan, and SERVERS# of its servers.

SUMMARY and SERVERS# repeat what follows from the DRILL# rows, so that the state of all plans is a few BatchGetItems.
Each row that is computed from others has a `version`, and is written over the version that it was read with. A writer
that was overtaken reads everything again, so the last write of a row knows all that was known before it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition, from_wire
from recovery.domain.drills.outcome import PREFIX, DrillOutcome
from recovery.packing import pack, unpack
from recovery.settings import settings

# Servers in a row. Packed, a thousand take some 20 KB; a row has room for 400 KB.
SERVERS_PER_PART = 1_000
# Drills that are read back from the newest one: the last one that counts is among them, or the plan has none.
MAX_DRILLS, DRILLS_PER_READ = 400, 25

Row = Mapping[str, Any]
Counted = tuple[str, str]
"""When the last drill that counts of a server was requested, and its id: compares by time."""


def table() -> str:
    """The name of the drills table."""
    return settings().drills_table


def _key(plan_id: str, item: str) -> dict[str, str]:
    return {"planId": plan_id, "item": item}


@dataclass(frozen=True, slots=True)
class DrillSummary:
    """The last drill of a plan, and the last that counts. `parts` is how many SERVERS# rows the plan has."""

    last: DrillOutcome | None = None
    last_counting: DrillOutcome | None = None
    parts: int = 0
    version: int = 0

    @classmethod
    def from_item(cls, row: Row | None) -> "DrillSummary":
        """Read a SUMMARY row; None is that of a plan without drills."""
        if row is None:
            return cls()
        last, counting = row.get("last"), row.get("lastCounting")
        return cls(
            last=DrillOutcome.from_item(last) if last else None,
            last_counting=DrillOutcome.from_item(counting) if counting else None,
            parts=int(row.get("serverParts", 0)),
            version=int(row.get("version", 0)),
        )

    def to_item(self, plan_id: str) -> dict[str, Any]:
        """The inverse."""
        return {
            **_key(plan_id, "SUMMARY"),
            "last": self.last.to_item() if self.last else None,
            "lastCounting": self.last_counting.to_item() if self.last_counting else None,
            "serverParts": self.parts,
            "version": self.version,
        }


@dataclass(slots=True)
class ServerPart:
    """A SERVERS# row: by server, the last drill that counts."""

    number: int
    servers: dict[str, Counted] = field(default_factory=dict)
    version: int = 0


def get_outcome(plan_id: str, execution_id: str) -> tuple[DrillOutcome | None, int]:
    """The outcome of a drill as it was recorded last, and the version of its row; None and 0 before the first."""
    row = dynamodb.get(table(), _key(plan_id, PREFIX + execution_id))
    return (DrillOutcome.from_item(row), int(row.get("version", 0))) if row else (None, 0)


def write_outcome(outcome: DrillOutcome, over: int) -> bool:
    """Write the outcome over this version of its row; False if there is a newer one."""
    return _write_over({**outcome.to_item(), "version": over + 1}, over)


def get_verdict(plan_id: str, execution_id: str) -> dict[str, Any] | None:
    """The verdict of a person, as its row has it; None without one."""
    return dynamodb.get(table(), _key(plan_id, f"VERDICT#{execution_id}"))


def find_appointment(plan_id: str, execution_id: str) -> str | None:
    """The appointment that the drill was started for, among the last fifty; None if a person started it."""
    rows = Partition("planId", plan_id, ("item", "APPOINTMENT#"))
    found = dynamodb.query_once(table(), rows, 50, None, newest_first=True)["Items"]
    mine = (row for row in found if row.get("executionId", {}).get("S") == execution_id)
    return next((row["at"]["S"] for row in mine), None)


def walk_outcomes(plan_id: str) -> Iterator[DrillOutcome]:
    """The outcomes of a plan's drills, newest first, at most `MAX_DRILLS`.

    Rows are in the order of ids. A drill of the schedule has the time of its appointment in its id, and may have begun
    up to a day later, after one that a person has started meanwhile: those of one read are put in order.
    """
    rows, start = Partition("planId", plan_id, ("item", PREFIX)), None
    for _ in range(MAX_DRILLS // DRILLS_PER_READ):
        answer = dynamodb.query_once(table(), rows, DRILLS_PER_READ, start, newest_first=True)
        found = [DrillOutcome.from_item(from_wire(row)) for row in answer["Items"]]
        yield from sorted(found, key=lambda outcome: outcome.age_key, reverse=True)
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def get_outcomes(plan_id: str, execution_ids: Iterable[str]) -> dict[str, DrillOutcome]:
    """The outcomes of these drills that are on record, by their ids."""
    keys = [_key(plan_id, PREFIX + each) for each in sorted(set(execution_ids))]
    return {row["executionId"]: DrillOutcome.from_item(row) for row in dynamodb.batch_get(table(), keys)}


# --- the summary of a plan ----------------------------------------------------------------------------------------
def get_summary(plan_id: str) -> DrillSummary:
    """The summary of a plan; that of a plan without drills has version 0."""
    return DrillSummary.from_item(dynamodb.get(table(), _key(plan_id, "SUMMARY")))


def write_summary(plan_id: str, summary: DrillSummary, over: int) -> bool:
    """Write the summary over this version; False if there is a newer one."""
    return _write_over({**summary.to_item(plan_id), "version": over + 1}, over)


def list_server_parts(plan_id: str) -> list[ServerPart]:
    """Every SERVERS# row of a plan, in order."""
    rows = dynamodb.query(table(), Partition("planId", plan_id, ("item", "SERVERS#")))
    return sorted(map(_read_part, rows), key=lambda part: part.number)


def write_server_part(plan_id: str, part: ServerPart) -> bool:
    """Write a part over the version that it was read with; False if there is a newer one."""
    item = {
        **_key(plan_id, f"SERVERS#{part.number}"),
        "servers": pack({server_id: list(counted) for server_id, counted in sorted(part.servers.items())}),
        "version": part.version + 1,
    }
    return _write_over(item, part.version)


def _read_part(row: Row) -> ServerPart:
    servers = {server_id: (at, by) for server_id, (at, by) in unpack(row["servers"]).items()}
    return ServerPart(int(row["item"].removeprefix("SERVERS#")), servers, int(row["version"]))


def _write_over(item: dict[str, Any], version: int) -> bool:
    if not version:
        return dynamodb.put_new(table(), item, "planId")
    return dynamodb.put_if(table(), item, "#version = :version", {"version": version})


# --- all plans at once ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PlanDrills:
    """What is on record of the drills of a plan. `schedule` is its SCHEDULE row, empty without one."""

    summary: DrillSummary = field(default_factory=DrillSummary)
    servers: Mapping[str, Counted] = field(default_factory=dict)
    schedule: Row = field(default_factory=dict)


def read_plans(plan_ids: Sequence[str]) -> dict[str, PlanDrills]:
    """The drills of these plans, by plan: three keys for each in BatchGetItems, and more only for many servers."""
    keys = [_key(plan_id, item) for plan_id in plan_ids for item in ("SUMMARY", "SCHEDULE", "SERVERS#0")]
    rows = {(row["planId"], row["item"]): row for row in dynamodb.batch_get(table(), keys)}
    summaries = {plan_id: DrillSummary.from_item(rows.get((plan_id, "SUMMARY"))) for plan_id in plan_ids}
    rest = [
        _key(plan_id, f"SERVERS#{number}")
        for plan_id, summary in summaries.items()
        for number in range(1, summary.parts)
    ]
    servers: dict[str, dict[str, Counted]] = {plan_id: {} for plan_id in plan_ids}
    for row in (*rows.values(), *(dynamodb.batch_get(table(), rest) if rest else ())):
        if row["item"].startswith("SERVERS#"):
            servers[row["planId"]].update(_read_part(row).servers)
    return {
        plan_id: PlanDrills(summary, servers[plan_id], rows.get((plan_id, "SCHEDULE"), {}))
        for plan_id, summary in summaries.items()
    }
