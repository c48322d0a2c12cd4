"""Probes servers: reads what DRS shows for one server at a time only, its snapshots and its launch configuration.

The probes are read in rounds and saved. A round fits into a function's time, and the state machine repeats the task
until every server is probed. A round uses at most half of the target's rate limit, because a run in the same target
needs the other half.
"""

from collections.abc import Mapping, Sequence

from recovery import clock
from recovery.domain.execution import Execution, Mode
from recovery.domain.readiness import Probe
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.settings import settings
from recovery.store import inspections

# Seconds after which a round probes no further server. A function has 120, and its last calls may be delayed.
ROUND_SECONDS = 60


def probe_servers(execution: Execution, target: Target, server_ids: Sequence[str]) -> Mapping[str, Probe] | None:
    """Return the probes of all these servers; None if servers remain for another round."""
    if not server_ids:
        return {}
    saved = inspections.load_probes(execution.execution_id, target)
    missing = [server_id for server_id in server_ids if server_id not in saved]
    if not missing:
        return saved
    found = _probe_round(execution, target, missing)
    inspections.save_probes(execution.execution_id, target, found)
    return {**saved, **found} if len(found) == len(missing) else None


def _probe_round(execution: Execution, target: Target, server_ids: Sequence[str]) -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    began, seconds_per_call = clock.now(), 2 / settings().calls_per_second
    for server_id in server_ids:
        if found and clock.now() - began > ROUND_SECONDS:
            break
        found[server_id] = _probe(execution, target, server_id)
        calls = 2 if execution.run.mode is Mode.READINESS else 1
        clock.sleep(began + len(found) * calls * seconds_per_call - clock.now())
    return found


def _probe(execution: Execution, target: Target, server_id: str) -> Probe:
    snapshot = drs.find_newest_snapshot(target, server_id, execution.run.point_in_time)
    configured = drs.has_launch_configuration(target, server_id) if execution.run.mode is Mode.READINESS else None
    if snapshot is None:
        return Probe(configured, has_snapshot=False)
    return Probe(configured, True, snapshot.snapshot_id, snapshot.taken_at)
