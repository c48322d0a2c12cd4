"""Which servers a run recovers, as inspection found them, and how they fall into batches.

Whoever inspects a target first settles it. FLEET# rows hold what was found, written once; BATCH# and SERVER# rows
follow from them alone and are never written over; TARGET# rows, with counts, come last and say that all is there.
So two tries of the task, however they overlap, leave one fleet behind, and none touches a batch that is running.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery import dynamo
from recovery.batch import Batch, BatchRef, split_into_batches
from recovery.execution import ServerStatus
from recovery.plan import Wave
from recovery.store import rows, table
from recovery.target import Target


@dataclass(frozen=True, slots=True)
class WaveShare:
    """A wave's servers in one target: the host name of each to be recovered, and why each other one cannot be."""

    wave: Wave
    target: Target
    servers: Mapping[str, str]
    blocked: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ShareCount:
    """A TARGET row: how many servers a wave has in a target, in how many batches, and how many are blocked."""

    wave: str
    target: Target
    servers: int
    batches: int
    blocked: int
    example: str

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "ShareCount":
        """Read a TARGET row."""
        servers, batches, blocked = (int(row[name]) for name in ("servers", "batches", "blocked"))
        return cls(row["wave"], Target.from_state(row), servers, batches, blocked, row.get("example", ""))


def shares_of(execution_id: str, wave: str | None = None) -> list[ShareCount]:
    """The shares of a wave, or of all waves, that are wholly written."""
    return [ShareCount.from_item(row) for row in rows(execution_id, f"TARGET#{wave}#" if wave else "TARGET#")]


def settle(execution_id: str, shares: Sequence[WaveShare], servers_per_job: int) -> list[ShareCount]:
    """Keep the shares of one target, or what an earlier try kept; return their counts."""
    return [_settle_share(execution_id, share, servers_per_job) for share in shares]


def _settle_share(execution_id: str, share: WaveShare, servers_per_job: int) -> ShareCount:
    base = {"executionId": execution_id, "wave": share.wave.name, **share.target.to_state()}
    place = f"{share.wave.name}#{share.target.key}"
    fleet: dict[str, Any] = {
        **base,
        "item": f"FLEET#{place}",
        "found": dict(share.servers),
        "blocked": dict(share.blocked),
    }
    if not dynamo.put_new(table(), fleet, "executionId"):
        fleet = dynamo.get(table(), {"executionId": execution_id, "item": fleet["item"]}) or fleet
    found, blocked = fleet["found"], fleet["blocked"]
    batches = split_into_batches(found, servers_per_job)
    target_row = {
        **base,
        "item": f"TARGET#{place}",
        "servers": len(found) + len(blocked),
        "batches": len(batches),
        "blocked": len(blocked),
        "example": next((f"{server_id}: {reason}" for server_id, reason in sorted(blocked.items())), ""),
    }
    if dynamo.get(table(), {"executionId": execution_id, "item": target_row["item"]}) is None:
        refs = [BatchRef(execution_id, share.wave.name, share.target, number) for number in range(1, len(batches) + 1)]
        rows_ = [Batch(ref, ids, len(ids)).to_item() for ref, ids in zip(refs, batches, strict=True)]
        dynamo.put_all_new(table(), [*rows_, *_server_rows(base, place, found, blocked, batches)], "executionId")
        dynamo.put_new(table(), target_row, "executionId")
    return ShareCount.from_item(target_row)


def _server_rows(
    base: Mapping[str, Any],
    place: str,
    found: Mapping[str, str],
    blocked: Mapping[str, str],
    batches: Sequence[Sequence[str]],
) -> Iterator[dict[str, Any]]:
    for number, server_ids in enumerate(batches, start=1):
        for server_id in server_ids:
            yield {
                **base,
                "item": f"SERVER#{place}#{server_id}",
                "sourceServerId": server_id,
                "hostname": found[server_id],
                "batch": number,
                "status": ServerStatus.PENDING.value,
            }
    for server_id, reason in blocked.items():
        yield {
            **base,
            "item": f"SERVER#{place}#{server_id}",
            "sourceServerId": server_id,
            "status": ServerStatus.EXCLUDED.value,
            "reason": reason,
        }
