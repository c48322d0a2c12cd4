"""What inspection found in each target, and the batches that follow from it.

The `inspections` table has what a launch relies on, and only inspect-target, apply-settings and start-recovery can
write it: MEMBERS# rows, the servers of a wave in a target, PROBE# and INTO# rows, what DRS answered about single
servers, and the SETTINGS# rows of `launches.applied_settings`. The executions table has TARGET# and FLEET# rows.

The first inspection of a target wins; later ones reuse its result. FLEET# rows are written once. BATCH# rows, and
EXCLUDED# rows with the servers that no batch has, are created here, from FLEET# rows alone, and never overwritten here;
`batches` updates BATCH# rows. TARGET# rows have counts; they come last and show that the others are complete. So two
invocations that overlap leave one result, and neither touches a batch that is running. The TARGET# row of a target that
has not answered yet is pending; the first inspection replaces it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain import batch
from recovery.domain.batch import Batch, BatchRef
from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration, LaunchDocument
from recovery.domain.inspection import InspectedServer, WaveTargetInspection, WaveTargetSummary, describe_blocked
from recovery.domain.readiness import Probe, Readiness, ServerVerdict
from recovery.domain.target import Target
from recovery.settings import settings
from recovery.store import executions
from recovery.store.batch_servers import pack_servers, unpack_servers


def list_summaries(execution_id: str, wave: str | None = None) -> list[WaveTargetSummary]:
    """Read the inspections of a wave, or of all waves: those that are complete, and targets that are pending."""
    return [
        WaveTargetSummary.from_item(row)
        for row in executions.query_rows(execution_id, f"TARGET#{wave}#" if wave else "TARGET#")
    ]


# --- the inspections table --------------------------------------------------------------------------------------
def table() -> str:
    """The name of the inspections table."""
    return settings().inspections_table


def record_members(execution_id: str, inspected: Sequence[WaveTargetInspection]) -> list[WaveTargetInspection]:
    """Write which servers each wave has in the target, or read what an earlier invocation wrote.

    Return the inspections with the servers on record. A server of several waves is a member of the first of them. The
    row is compressed, or 4,000 servers would not fit in.
    """
    recorded, wave_of = list[WaveTargetInspection](), dict[str, str]()
    for found in inspected:
        inspection = _block_servers_of_earlier_waves(found, wave_of)
        key = _members_key(execution_id, inspection.wave.name, inspection.target)
        row: dict[str, Any] = {**key, "packed": pack_servers(inspection.servers)}
        if not dynamodb.put_new(table(), row, "executionId"):
            row = dynamodb.get(table(), key) or row
        servers = unpack_servers(row["packed"])
        recorded.append(replace(inspection, servers=servers))
        wave_of |= {each: inspection.wave.name for each, server in servers.items() if not server.verdict.is_blocked}
    return recorded


def get_members(execution_id: str, wave: str, target: Target) -> dict[str, InspectedServer]:
    """The servers that the wave may launch in the target, by id; none if it was not inspected."""
    row = dynamodb.get(table(), _members_key(execution_id, wave, target))
    found = unpack_servers(row["packed"]) if row else {}
    return {server_id: server for server_id, server in found.items() if not server.verdict.is_blocked}


def _members_key(execution_id: str, wave: str, target: Target) -> dict[str, str]:
    return {"executionId": execution_id, "item": f"MEMBERS#{wave}#{target.key}"}


def get_launches_into(ref: BatchRef) -> tuple[dict[str, str], str | None]:
    """The EC2 instance that DRS launches each server of a batch into, "" for a new one, and since when it is known."""
    row = dynamodb.get(table(), _into_key(ref)) or {}
    return dict(row.get("launchesInto", {})), row.get("readAt")


def record_launches_into(ref: BatchRef, launches_into: Mapping[str, str], read_at: str) -> None:
    """Record the EC2 instance that DRS launches each server into, and when the first of them was read."""
    dynamodb.put(table(), {**_into_key(ref), "launchesInto": dict(launches_into), "readAt": read_at})


def _into_key(ref: BatchRef) -> dict[str, str]:
    return {"executionId": ref.execution_id, "item": f"INTO#{ref.sort_key}"}


# --- the executions table ---------------------------------------------------------------------------------------
def list_server_ids(execution_id: str, target: Target) -> list[str]:
    """The servers of the run that were inspected in this target so far."""
    rows = executions.query_rows(execution_id, "FLEET#")
    return [
        server_id for row in rows if Target.from_state(row) == target for server_id in unpack_servers(row["packed"])
    ]


def list_group_members(execution_id: str, target: Target) -> dict[str, dict[str, str]]:
    """The servers that each group selected in this target, by group id: the host name of each, by server id."""
    members: dict[str, dict[str, str]] = {}
    for row in executions.query_rows(execution_id, "FLEET#"):
        if Target.from_state(row) == target:
            for server_id, server in unpack_servers(row["packed"]).items():
                for group_id in server.groups:
                    members.setdefault(group_id, {})[server_id] = server.hostname
    return members


def create_pending(execution_id: str, listed: WaveTargetInspection) -> None:
    """Write the TARGET row of a target that did not answer, unless it has one; `listed` has the servers known by id."""
    row = {
        "executionId": execution_id,
        "wave": listed.wave.name,
        **listed.target.to_state(),
        "item": _target_item(listed.wave.name, listed.target),
        "pending": True,
        "servers": len(listed.servers),
        "optional": sum(server.optional for server in listed.servers.values()),
        **dict.fromkeys(("batches", "blocked", "warned", "blockedOptional", "alreadyLaunched"), 0),
        "notes": list(listed.notes),
        "unlistableGroups": list(listed.unlistable_groups),
    }
    dynamodb.put_new(executions.table(), row, "executionId")


def record_wait(execution_id: str, wave: str, target: Target, note: str) -> float:
    """Record that the wave waits for the pending target, and why; return since when, in epoch seconds."""
    key = {"executionId": execution_id, "item": _target_item(wave, target)}
    now = int(clock.now())
    given = {"true": True}
    dynamodb.update_if(executions.table(), key, {"notes": [note]}, condition="#pending = :true", given=given)
    dynamodb.update_if(
        executions.table(),
        key,
        {"waitingSince": now},
        condition="#pending = :true AND attribute_not_exists(#waitingSince)",
        given=given,
    )
    row = dynamodb.get(executions.table(), key) or {}
    return float(row.get("waitingSince", now))


def _target_item(wave: str, target: Target) -> str:
    return f"TARGET#{wave}#{target.key}"


def persist_inspection(
    execution_id: str, inspected: Sequence[WaveTargetInspection], servers_per_job: int
) -> list[WaveTargetSummary]:
    """Write the inspection of one target, or keep what an earlier invocation wrote; return the counts of each wave.

    An earlier invocation may have been killed after one wave, and the tags of a server may have changed since. A server
    that is in a wave already is blocked in the later ones, so that only one wave launches it.
    """
    summaries, wave_of = [], dict[str, str]()
    for inspection in inspected:
        unique = _block_servers_of_earlier_waves(inspection, wave_of)
        summary, servers = _persist_wave(execution_id, unique, servers_per_job)
        summaries.append(summary)
        wave_of |= {each: summary.wave for each, server in servers.items() if not server.verdict.is_blocked}
    return summaries


def _block_servers_of_earlier_waves(
    inspection: WaveTargetInspection, wave_of: Mapping[str, str]
) -> WaveTargetInspection:
    if not wave_of.keys() & inspection.servers.keys():
        return inspection
    servers = {
        each: replace(server, verdict=ServerVerdict(Readiness.BLOCKED, (f"it is in wave {wave_of[each]} already",)))
        if each in wave_of and not server.verdict.is_blocked
        else server
        for each, server in inspection.servers.items()
    }
    return replace(inspection, servers=servers)


def _persist_wave(
    execution_id: str, inspection: WaveTargetInspection, servers_per_job: int
) -> tuple[WaveTargetSummary, dict[str, InspectedServer]]:
    wave, target = inspection.wave.name, inspection.target
    base = {"executionId": execution_id, "wave": wave, **target.to_state()}
    place = f"{wave}#{target.key}"
    servers = _write_once(base, place, inspection.servers)
    launchable = {server_id: server for server_id, server in servers.items() if not server.verdict.is_blocked}
    blocked = {server_id: server for server_id, server in servers.items() if server.verdict.is_blocked}
    batches = batch.split_into_batches(launchable, servers_per_job)
    target_row = {
        **base,
        "item": _target_item(wave, target),
        "servers": len(servers),
        "batches": len(batches),
        "blocked": len(blocked),
        "warned": sum(server.verdict.readiness is Readiness.WARN for server in launchable.values()),
        "optional": sum(server.optional for server in servers.values()),
        "blockedOptional": sum(server.optional for server in blocked.values()),
        "alreadyLaunched": inspection.already_launched,
        "exampleReason": describe_blocked(blocked),
        "refusals": list(inspection.refusals),
        "notes": list(inspection.notes),
        "unlistableGroups": list(inspection.unlistable_groups),
        "emptyGroups": list(inspection.empty_groups),
    }
    recorded = dynamodb.get(executions.table(), {"executionId": execution_id, "item": target_row["item"]})
    if recorded is None or recorded.get("pending"):
        rows = [
            _new_batch_row(BatchRef(execution_id, wave, target, number), {each: launchable[each] for each in ids})
            for number, ids in enumerate(batches, start=1)
        ]
        if blocked:
            rows.append({**base, "item": f"EXCLUDED#{place}", "servers": pack_servers(blocked)})
        dynamodb.put_all_new(executions.table(), rows, "executionId")
        dynamodb.put_if(
            executions.table(),
            {**target_row, "late": recorded is not None or None},
            "attribute_not_exists(#executionId) OR #pending = :true",
            {"true": True},
        )
    return WaveTargetSummary.from_item(target_row), servers


def _write_once(
    base: Mapping[str, Any], place: str, servers: Mapping[str, InspectedServer]
) -> dict[str, InspectedServer]:
    """Write the FLEET row, or read it if it exists."""
    fleet: dict[str, Any] = {**base, "item": f"FLEET#{place}", "packed": pack_servers(servers)}
    if not dynamodb.put_new(executions.table(), fleet, "executionId"):
        fleet = dynamodb.get(executions.table(), {"executionId": base["executionId"], "item": fleet["item"]}) or fleet
    return unpack_servers(fleet["packed"])


def _new_batch_row(ref: BatchRef, servers: Mapping[str, InspectedServer]) -> dict[str, Any]:
    created = Batch(
        ref,
        tuple(servers),
        len(servers),
        optional=frozenset(server_id for server_id, server in servers.items() if server.optional),
        snapshots={each: server.snapshot_id for each, server in servers.items() if server.snapshot_id},
    )
    return {**created.to_item(), "servers": pack_servers(servers)}


def save_probes(execution_id: str, target: Target, probes: Mapping[str, Probe]) -> None:
    """Save the probes of one round."""
    packed = {
        server_id: [
            probe.has_launch_configuration,
            probe.has_snapshot,
            probe.snapshot_id,
            _whole_seconds(probe.snapshot_at),
            probe.launches_into,
            probe.problem,
            probe.configuration.to_json() if probe.configuration else None,
            None if probe.documents is None else [each.to_json() for each in probe.documents],
        ]
        for server_id, probe in probes.items()
    }
    # The row is named after its first server, so a round that is repeated gives the same row, or two with equal probes.
    item = f"PROBE#{target.key}#{min(probes)}"
    dynamodb.put(table(), {"executionId": execution_id, "item": item, "probes": packed})


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)


def load_probes(execution_id: str, target: Target) -> dict[str, Probe]:
    """Read the probes of every round so far."""
    packed: dict[str, Sequence[Any]] = {}
    for row in dynamodb.query(table(), Partition("executionId", execution_id, ("item", f"PROBE#{target.key}#"))):
        packed.update(row["probes"])
    return {server_id: _read_probe(values) for server_id, values in packed.items()}


def _read_probe(values: Sequence[Any]) -> Probe:
    """A probe of an earlier version has neither configuration nor documents."""
    configuration, documents = [*values[6:], None, None][:2]
    read = Probe(*values[:6])
    return replace(
        read,
        configuration=LaunchConfiguration.from_json(configuration) if configuration else None,
        documents=None if documents is None else tuple(LaunchDocument(*each) for each in documents),
    )
