"""What DRS tells of one server only: its snapshots and its launch configuration. Some at a time, kept as they come.

Inspection asks in rounds, each within a function's time, and the state machine goes round until all are known. A
round takes no more than half of the target's budget, for a run that is on in the target needs the other half.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from recovery import clock, drs, dynamo
from recovery.execution import Execution, Mode
from recovery.readiness import Probe
from recovery.settings import settings
from recovery.store import rows, table
from recovery.target import Target

# A round ends so long after it began, in seconds; a function has 120, and its last calls may be put off.
ROUND_SECONDS = 60


def look(execution: Execution, target: Target, server_ids: Sequence[str]) -> Mapping[str, Probe] | None:
    """The probes of all these servers; None when some are left for a further round."""
    if not server_ids:
        return {}
    kept = _kept(execution.execution_id, target)
    missing = [server_id for server_id in server_ids if server_id not in kept]
    if not missing:
        return kept
    found = _round(execution, target, missing)
    _keep(execution.execution_id, target, found)
    return {**kept, **found} if len(found) == len(missing) else None


def _round(execution: Execution, target: Target, server_ids: Sequence[str]) -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    began, pause = clock.now(), 2 / settings().calls_per_second
    for server_id in server_ids:
        if found and clock.now() - began > ROUND_SECONDS:
            break
        found[server_id] = _probe(execution, target, server_id)
        calls = 2 if execution.run.mode is Mode.READINESS else 1
        clock.sleep(began + len(found) * calls * pause - clock.now())
    return found


def _probe(execution: Execution, target: Target, server_id: str) -> Probe:
    snapshot = drs.newest_snapshot(target, server_id, execution.run.point_in_time)
    configured = drs.has_launch_configuration(target, server_id) if execution.run.mode is Mode.READINESS else None
    if snapshot is None:
        return Probe(configured, has_snapshot=False)
    return Probe(configured, True, snapshot.snapshot_id, snapshot.taken_at)


def _keep(execution_id: str, target: Target, found: Mapping[str, Probe]) -> None:
    packed = {
        server_id: [probe.has_launch_configuration, probe.has_snapshot, probe.snapshot_id, _whole(probe.snapshot_at)]
        for server_id, probe in found.items()
    }
    # Named after its first server: a round that is made twice is kept once, or as two rows that say the same.
    item = f"PROBE#{target.key}#{min(found)}"
    dynamo.put(table(), {"executionId": execution_id, "item": item, "probes": packed})


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)


def _kept(execution_id: str, target: Target) -> dict[str, Probe]:
    packed: dict[str, Sequence[Any]] = {}
    for row in rows(execution_id, f"PROBE#{target.key}#"):
        packed.update(row["probes"])
    return {server_id: Probe(*values) for server_id, values in packed.items()}
