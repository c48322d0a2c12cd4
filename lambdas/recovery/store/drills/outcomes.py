"""What drills have shown, in the `drills` table: DRILL# for each, SUMMARY of a plan, and SERVERS# of its servers.

SUMMARY and SERVERS# repeat what follows from the DRILL# rows, so that the state of all plans is a few BatchGetItems.
Each row that is computed from others has a `version`, and is written over the version that it was read with. A writer
that was overtaken reads everything again, so the last write of a row knows all that was known before it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition, from_wire, to_wire
from recovery.domain.drills.outcome import PREFIX, DrillOutcome
from recovery.packing import pack, unpack
from recovery.settings import settings

# Servers in a row. Packed, a thousand take some 20 KB; a row has room for 400 KB.
SERVERS_PER_PART = 1_000
# Drills that are read back from the newest one: the last one that counts is among them, or the plan has none.
MAX_DRILLS, DRILLS_PER_READ = 400, 25

SUMMARY, SERVERS = "SUMMARY", "SERVERS#"

Row = Mapping[str, Any]
Counted = tuple[str, str]
"""When the last drill that counts of a server was requested, and its id: compares by time."""


def _table() -> str:
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

    @property
    def last_counted_at(self) -> str | None:
        """When the last drill that counts was requested, in ISO 8601."""
        return self.last_counting.requested_at if self.last_counting else None

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
            **_key(plan_id, SUMMARY),
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

    @classmethod
    def from_item(cls, row: Row) -> "ServerPart":
        """Read a SERVERS# row."""
        servers: dict[str, Counted] = {}
        for at, execution_id, server_ids in unpack(row["servers"]):
            servers |= dict.fromkeys(server_ids, (at, execution_id))
        return cls(int(row["item"].removeprefix(SERVERS)), servers, int(row["version"]))


def get_outcome(plan_id: str, execution_id: str) -> tuple[DrillOutcome | None, int]:
    """The outcome of a drill as it was recorded last, and the version of its row; None and 0 before the first."""
    row = dynamodb.get(_table(), _key(plan_id, PREFIX + execution_id))
    return (DrillOutcome.from_item(row), int(row.get("version", 0))) if row else (None, 0)


def write_outcome(outcome: DrillOutcome, over: int) -> bool:
    """Write the outcome over this version of its row; False if there is a newer one."""
    return _write_over({**outcome.to_item(), "version": over + 1}, over)


def walk_outcomes(plan_id: str) -> Iterator[DrillOutcome]:
    """The outcomes of a plan's drills, newest first, at most `MAX_DRILLS`.

    Rows are in the order of ids. A drill of the schedule has the time of its appointment in its id, and may have begun
    up to a day later, after one that a person has started meanwhile: those of one read are put in order.
    """
    rows, start = Partition("planId", plan_id, ("item", PREFIX)), None
    for _ in range(MAX_DRILLS // DRILLS_PER_READ):
        answer = dynamodb.query_once(_table(), rows, DRILLS_PER_READ, start, newest_first=True, consistent=True)
        found = [DrillOutcome.from_item(from_wire(row)) for row in answer["Items"]]
        yield from sorted(found, key=lambda outcome: outcome.age_key, reverse=True)
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def get_outcomes(plan_id: str, execution_ids: Iterable[str]) -> dict[str, DrillOutcome]:
    """The outcomes of these drills that are on record, by their ids."""
    keys = [_key(plan_id, PREFIX + each) for each in sorted(set(execution_ids))]
    return {row["executionId"]: DrillOutcome.from_item(row) for row in dynamodb.batch_get(_table(), keys)}


def find_drill_before(plan_id: str, execution_id: str) -> DrillOutcome | None:
    """The last drill of the plan that was requested before this drill or recovery; None if none is recorded.

    The id of a run has its time after its kind, and so the rows of drills are in the order of their times.
    """
    start = _key(plan_id, f"{PREFIX}drill-{execution_id.partition('-')[2]}")
    drills = Partition("planId", plan_id, ("item", PREFIX))
    answer = dynamodb.query_once(_table(), drills, 1, to_wire(start), newest_first=True)
    rows = [from_wire(item) for item in answer["Items"]]
    return DrillOutcome.from_item(rows[0]) if rows else None


# --- the summary of a plan ----------------------------------------------------------------------------------------
def get_summary(plan_id: str) -> DrillSummary:
    """The summary of a plan; that of a plan without drills has version 0."""
    return DrillSummary.from_item(dynamodb.get(_table(), _key(plan_id, SUMMARY)))


def write_summary(plan_id: str, summary: DrillSummary, over: int) -> bool:
    """Write the summary over this version; False if there is a newer one."""
    return _write_over({**summary.to_item(plan_id), "version": over + 1}, over)


def list_server_parts(plan_id: str) -> list[ServerPart]:
    """Every SERVERS# row of a plan, in order."""
    rows = dynamodb.query(_table(), Partition("planId", plan_id, ("item", SERVERS)))
    return sorted(map(ServerPart.from_item, rows), key=lambda part: part.number)


def write_server_part(plan_id: str, part: ServerPart) -> bool:
    """Write a part over the version that it was read with; False if there is a newer one."""
    item = {
        **_key(plan_id, f"{SERVERS}{part.number}"),
        "servers": pack(_group_by_drill(part.servers)),
        "version": part.version + 1,
    }
    return _write_over(item, part.version)


def _group_by_drill(servers: Mapping[str, Counted]) -> list[list[Any]]:
    """`[[at, executionId, [sourceServerId, …]], …]`: most servers of a plan have the same drill."""
    drilled: dict[Counted, list[str]] = {}
    for server_id, counted in sorted(servers.items()):
        drilled.setdefault(counted, []).append(server_id)
    return [[*counted, server_ids] for counted, server_ids in sorted(drilled.items())]


def _write_over(item: dict[str, Any], version: int) -> bool:
    if not version:
        return dynamodb.put_new(_table(), item, "planId")
    return dynamodb.put_if(_table(), item, "#version = :version", {"version": version})
