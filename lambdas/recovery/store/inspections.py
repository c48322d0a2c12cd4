"""Which servers a run recovers, as inspection found them, and how they fall into batches.

Whoever inspects a target first settles it. FLEET# rows hold what was found, written once; BATCH# and SERVER# rows
follow from them alone and are never written over; TARGET# rows, with counts, come last and say that all is there.
So two tries of the task, however they overlap, leave one fleet behind, and none touches a batch that is running.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain import batch
from recovery.domain.batch import Batch, BatchRef
from recovery.domain.execution import ServerStatus
from recovery.domain.inspection import InspectedServer, WaveTargetInspection, WaveTargetSummary
from recovery.domain.readiness import Probe, Readiness, ServerVerdict
from recovery.domain.target import Target
from recovery.store import executions


def list_summaries(execution_id: str, wave: str | None = None) -> list[WaveTargetSummary]:
    """The shares of a wave, or of all waves, that are wholly written."""
    return [
        WaveTargetSummary.from_item(row)
        for row in executions.query_rows(execution_id, f"TARGET#{wave}#" if wave else "TARGET#")
    ]


def persist_inspection(
    execution_id: str, shares: Sequence[WaveTargetInspection], servers_per_job: int
) -> list[WaveTargetSummary]:
    """Keep the shares of one target, or what an earlier try kept; return their counts.

    An earlier try may have kept the share of one wave and died, and the tags of a server may have changed since; what
    was kept for a wave is never launched by a later one too.
    """
    counts, taken = [], dict[str, str]()
    for share in shares:
        count, found = _persist_wave(execution_id, _block_servers_of_earlier_waves(share, taken), servers_per_job)
        counts.append(count)
        taken.update({each: share.wave.name for each, server in found.items() if not server.verdict.is_blocked})
    return counts


def _block_servers_of_earlier_waves(share: WaveTargetInspection, taken: Mapping[str, str]) -> WaveTargetInspection:
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


def _persist_wave(
    execution_id: str, share: WaveTargetInspection, servers_per_job: int
) -> tuple[WaveTargetSummary, dict[str, InspectedServer]]:
    base = {"executionId": execution_id, "wave": share.wave.name, **share.target.to_state()}
    place = f"{share.wave.name}#{share.target.key}"
    found = _write_once(base, place, share.servers)
    free = {server_id: server for server_id, server in found.items() if not server.verdict.is_blocked}
    blocked = {server_id: server for server_id, server in found.items() if server.verdict.is_blocked}
    batches = batch.split_into_batches(free, servers_per_job)
    target_row = {
        **base,
        "item": f"TARGET#{place}",
        "servers": len(found),
        "batches": len(batches),
        "blocked": len(blocked),
        "warned": sum(server.verdict.readiness is Readiness.WARN for server in free.values()),
        "optional": sum(server.optional for server in found.values()),
        "blockedOptional": sum(server.optional for server in blocked.values()),
        "alreadyLaunched": share.already_launched,
        "exampleReason": next(
            (f"{server_id}: {blocked[server_id].verdict.reasons[0]}" for server_id in sorted(blocked)), ""
        ),
        "notes": list(share.notes),
        "unlistableGroups": list(share.unlistable_groups),
    }
    if dynamodb.get(executions.table(), {"executionId": execution_id, "item": target_row["item"]}) is None:
        refs = [BatchRef(execution_id, share.wave.name, share.target, number) for number in range(1, len(batches) + 1)]
        rows_ = [_new_batch(ref, ids, free).to_item() for ref, ids in zip(refs, batches, strict=True)]
        dynamodb.put_all_new(
            executions.table(), [*rows_, *_new_server_rows(base, place, found, batches)], "executionId"
        )
        dynamodb.put_new(executions.table(), target_row, "executionId")
    return WaveTargetSummary.from_item(target_row), found


def _write_once(
    base: Mapping[str, Any], place: str, servers: Mapping[str, InspectedServer]
) -> dict[str, InspectedServer]:
    """Write the FLEET row, or read the one that is there. It is packed: 4,000 servers would not fit into a row else."""
    packed = zlib.compress(json.dumps({server_id: server.to_json() for server_id, server in servers.items()}).encode())
    fleet: dict[str, Any] = {**base, "item": f"FLEET#{place}", "packed": packed}
    if not dynamodb.put_new(executions.table(), fleet, "executionId"):
        fleet = dynamodb.get(executions.table(), {"executionId": base["executionId"], "item": fleet["item"]}) or fleet
    return unpack_servers(fleet)


def unpack_servers(row: Mapping[str, Any]) -> dict[str, InspectedServer]:
    """The servers of a FLEET row."""
    kept = json.loads(zlib.decompress(row["packed"]))
    return {server_id: InspectedServer.from_json(server) for server_id, server in kept.items()}


def _new_batch(ref: BatchRef, server_ids: tuple[str, ...], servers: Mapping[str, InspectedServer]) -> Batch:
    return Batch(
        ref,
        server_ids,
        len(server_ids),
        optional=frozenset(server_id for server_id in server_ids if servers[server_id].optional),
        snapshots={each: snapshot for each in server_ids if (snapshot := servers[each].snapshot_id)},
    )


def _new_server_rows(
    base: Mapping[str, Any], place: str, found: Mapping[str, InspectedServer], batches: Sequence[Sequence[str]]
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


def save_probes(execution_id: str, target: Target, found: Mapping[str, Probe]) -> None:
    packed = {
        server_id: [
            probe.has_launch_configuration,
            probe.has_snapshot,
            probe.snapshot_id,
            _whole_seconds(probe.snapshot_at),
        ]
        for server_id, probe in found.items()
    }
    # Named after its first server: a round that is made twice is kept once, or as two rows that say the same.
    item = f"PROBE#{target.key}#{min(found)}"
    dynamodb.put(executions.table(), {"executionId": execution_id, "item": item, "probes": packed})


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)


def load_probes(execution_id: str, target: Target) -> dict[str, Probe]:
    packed: dict[str, Sequence[Any]] = {}
    for row in executions.query_rows(execution_id, f"PROBE#{target.key}#"):
        packed.update(row["probes"])
    return {server_id: Probe(*values) for server_id, values in packed.items()}
