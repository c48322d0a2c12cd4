"""Servers that runs before this one in its chain have launched, and that have not passed their checks."""

from recovery.domain.execution import Execution, WaveState
from recovery.domain.plan import Wave
from recovery.domain.wave_steps.ladder import Verification
from recovery.store import batches, chains, waves
from recovery.store.steps import checks
from recovery.wording import name_first, plural

# Servers that a reason names.
MAX_NAMED = 3


def find_unverified_before(execution: Execution, wave: Wave) -> list[str]:
    """Why a continuation's wave has not succeeded although it has nothing left to launch; one reason or none.

    An earlier run launched servers of the wave, which the wave needs and which have not passed their checks, and no
    verdict of that run tolerates them. `verify` of that run's wave checks them again.
    """
    mode = execution.run.mode.of_steps
    if not execution.run.continues or mode is None or not wave.has_checks(mode):
        return []
    left: dict[str, str] = {}
    for run in chains.read_chain(execution.execution_id).before(execution.execution_id).runs:
        for server_id, is_needed in _read_needs(run.execution_id, wave.name).items():
            if is_needed:
                left[server_id] = run.execution_id
            else:
                left.pop(server_id, None)
    for batch in batches.list_batches(execution.execution_id, wave.name):  # launched again, and checked by this run
        for server_id in (*batch.server_ids, *batch.results):
            left.pop(server_id, None)
    if not left:
        return []
    runs, named = " and ".join(sorted(set(left.values()))), name_first(sorted(left), MAX_NAMED)
    servers = plural(len(left), "server")
    return [f"{servers} that {runs} launched have not passed their checks ({named}): verify the wave there"]


def _read_needs(execution_id: str, wave: str) -> dict[str, bool]:
    """The servers that a run checked in the wave, and whether the wave still needs each to pass."""
    states = (WaveState.from_item(row) for row in waves.list_rows(execution_id))
    is_tolerated = any(state.name == wave and state.status.succeeded for state in states)
    optional = {server_id for batch in batches.list_batches(execution_id, wave) for server_id in batch.optional}
    rows = checks.list_checks(execution_id, wave).values()
    return {
        server_id: server.status is not Verification.VERIFIED and not is_tolerated and server_id not in optional
        for row in rows
        for server_id, server in row.servers.items()
    }
