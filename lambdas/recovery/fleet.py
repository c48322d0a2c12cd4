"""Which servers a run recovers, as inspection found them, and how they fall into batches.

Whoever inspects a target first settles it. FLEET# rows hold what was found, written once; BATCH# and SERVER# rows
follow from them alone and are never written over; TARGET# rows, with counts, come last and say that all is there.
So two tries of the task, however they overlap, leave one fleet behind, and none touches a batch that is running.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recovery import clock, dynamo
from recovery.batch import Batch, BatchRef, split_into_batches
from recovery.execution import ServerStatus, Tally
from recovery.plan import Wave
from recovery.readiness import Readiness, ServerVerdict
from recovery.store import rows, table
from recovery.target import Target


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server of a wave, what was judged of it, and the snapshot it is to be launched from, if not the latest.

    `snapshot_at` is when that, or its newest snapshot, was taken, in epoch seconds; None when nobody asked.
    """

    verdict: ServerVerdict
    hostname: str = ""
    optional: bool = False
    snapshot_id: str | None = None
    snapshot_at: float | None = None

    def to_json(self) -> list[Any]:
        """As the FLEET row keeps it."""
        judged = [self.verdict.readiness.value, list(self.verdict.reasons)]
        return [*judged, self.hostname, self.optional, self.snapshot_id, self.snapshot_at]

    @classmethod
    def from_json(cls, kept: Sequence[Any]) -> "FoundServer":
        """The inverse."""
        readiness, reasons, hostname, optional, snapshot_id, snapshot_at = kept
        return cls(ServerVerdict(Readiness(readiness), tuple(reasons)), hostname, optional, snapshot_id, snapshot_at)


@dataclass(frozen=True, slots=True)
class WaveShare:
    """A wave's servers in one target. `already` counts those that the run which is continued has launched.

    `notes` are what people should know of the target; `lost` of groups whose servers could not be listed.
    """

    wave: Wave
    target: Target
    servers: Mapping[str, FoundServer]
    already: int = 0
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShareCount:
    """A TARGET row: how many servers a wave has in a target, in how many batches, and what was judged of them."""

    wave: str
    target: Target
    servers: int
    batches: int
    blocked: int
    warned: int
    optional: int
    blocked_optional: int
    already: int
    example: str
    notes: tuple[str, ...]
    lost: tuple[str, ...]

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "ShareCount":
        """Read a TARGET row."""
        return cls(
            wave=row["wave"],
            target=Target.from_state(row),
            servers=int(row["servers"]),
            batches=int(row["batches"]),
            blocked=int(row["blocked"]),
            warned=int(row["warned"]),
            optional=int(row["optional"]),
            blocked_optional=int(row["blockedOptional"]),
            already=int(row["already"]),
            example=row.get("example", ""),
            notes=tuple(row.get("notes", ())),
            lost=tuple(row.get("lost", ())),
        )

    @property
    def tally(self) -> Tally:
        """The servers that are in no batch."""
        return Tally(total=self.blocked, excluded=self.blocked, optional=self.blocked_optional)


def shares_of(execution_id: str, wave: str | None = None) -> list[ShareCount]:
    """The shares of a wave, or of all waves, that are wholly written."""
    return [ShareCount.from_item(row) for row in rows(execution_id, f"TARGET#{wave}#" if wave else "TARGET#")]


def settle(execution_id: str, shares: Sequence[WaveShare], servers_per_job: int) -> list[ShareCount]:
    """Keep the shares of one target, or what an earlier try kept; return their counts.

    An earlier try may have kept the share of one wave and died, and the tags of a server may have changed since; what
    was kept for a wave is never launched by a later one too.
    """
    counts, taken = [], dict[str, str]()
    for share in shares:
        count, found = _settle_share(execution_id, _without(share, taken), servers_per_job)
        counts.append(count)
        taken.update({each: share.wave.name for each, server in found.items() if not server.verdict.is_blocked})
    return counts


def _without(share: WaveShare, taken: Mapping[str, str]) -> WaveShare:
    """The share with those servers blocked that an earlier wave has."""
    if not taken.keys() & share.servers.keys():
        return share
    servers = {
        each: replace(server, verdict=ServerVerdict(Readiness.BLOCKED, (f"it is in wave {taken[each]} already",)))
        if each in taken and not server.verdict.is_blocked
        else server
        for each, server in share.servers.items()
    }
    return replace(share, servers=servers)


def _settle_share(
    execution_id: str, share: WaveShare, servers_per_job: int
) -> tuple[ShareCount, dict[str, FoundServer]]:
    base = {"executionId": execution_id, "wave": share.wave.name, **share.target.to_state()}
    place = f"{share.wave.name}#{share.target.key}"
    found = _keep(base, place, share.servers)
    free = {server_id: server for server_id, server in found.items() if not server.verdict.is_blocked}
    blocked = {server_id: server for server_id, server in found.items() if server.verdict.is_blocked}
    batches = split_into_batches(free, servers_per_job)
    target_row = {
        **base,
        "item": f"TARGET#{place}",
        "servers": len(found),
        "batches": len(batches),
        "blocked": len(blocked),
        "warned": sum(server.verdict.readiness is Readiness.WARN for server in free.values()),
        "optional": sum(server.optional for server in found.values()),
        "blockedOptional": sum(server.optional for server in blocked.values()),
        "already": share.already,
        "example": next((f"{server_id}: {blocked[server_id].verdict.reasons[0]}" for server_id in sorted(blocked)), ""),
        "notes": list(share.notes),
        "lost": list(share.lost),
    }
    if dynamo.get(table(), {"executionId": execution_id, "item": target_row["item"]}) is None:
        refs = [BatchRef(execution_id, share.wave.name, share.target, number) for number in range(1, len(batches) + 1)]
        rows_ = [_batch(ref, ids, free).to_item() for ref, ids in zip(refs, batches, strict=True)]
        dynamo.put_all_new(table(), [*rows_, *_server_rows(base, place, found, batches)], "executionId")
        dynamo.put_new(table(), target_row, "executionId")
    return ShareCount.from_item(target_row), found


def _keep(base: Mapping[str, Any], place: str, servers: Mapping[str, FoundServer]) -> dict[str, FoundServer]:
    """Write the FLEET row, or read the one that is there. It is packed: 4,000 servers would not fit into a row else."""
    packed = zlib.compress(json.dumps({server_id: server.to_json() for server_id, server in servers.items()}).encode())
    fleet: dict[str, Any] = {**base, "item": f"FLEET#{place}", "packed": packed}
    if not dynamo.put_new(table(), fleet, "executionId"):
        fleet = dynamo.get(table(), {"executionId": base["executionId"], "item": fleet["item"]}) or fleet
    return unpack(fleet)


def unpack(row: Mapping[str, Any]) -> dict[str, FoundServer]:
    """The servers of a FLEET row."""
    kept = json.loads(zlib.decompress(row["packed"]))
    return {server_id: FoundServer.from_json(server) for server_id, server in kept.items()}


def _batch(ref: BatchRef, server_ids: tuple[str, ...], servers: Mapping[str, FoundServer]) -> Batch:
    return Batch(
        ref,
        server_ids,
        len(server_ids),
        optional=frozenset(server_id for server_id in server_ids if servers[server_id].optional),
        snapshots={each: snapshot for each in server_ids if (snapshot := servers[each].snapshot_id)},
    )


def _server_rows(
    base: Mapping[str, Any], place: str, found: Mapping[str, FoundServer], batches: Sequence[Sequence[str]]
) -> Iterator[dict[str, Any]]:
    number_of = {server_id: number for number, ids in enumerate(batches, start=1) for server_id in ids}
    for server_id, server in found.items():
        blocked = server.verdict.is_blocked
        yield {
            **base,
            "item": f"SERVER#{place}#{server_id}",
            "sourceServerId": server_id,
            "hostname": server.hostname or None,
            "batch": number_of.get(server_id),
            "status": (ServerStatus.EXCLUDED if blocked else ServerStatus.PENDING).value,
            "reason": "; ".join(server.verdict.reasons) if blocked else None,
            "readiness": server.verdict.readiness.value,
            "warnings": list(server.verdict.reasons) if not blocked and server.verdict.reasons else None,
            "optional": server.optional or None,
            "snapshotId": server.snapshot_id,
            "snapshotAt": clock.iso(server.snapshot_at) if server.snapshot_at is not None else None,
        }
