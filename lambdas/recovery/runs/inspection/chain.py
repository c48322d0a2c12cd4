"""What a run need not launch, because the runs that it continues have."""

from recovery.domain.execution import Run
from recovery.domain.target import Target
from recovery.drs import chain_launches
from recovery.errors import ServerBusy
from recovery.store import chains


def find_servers_up(run: Run, target: Target) -> frozenset[str]:
    """The servers that the runs before this one in its chain have launched, and whose instances exist now.

    DRS decides, not the record: an instance that was terminated since is launched again. A server whose launch failed
    does not count, even if DRS left an instance of it. Raise ServerBusy while a job of these runs is running or may
    still appear, and while DRS does not show what one of them launched.
    """
    if not run.continues:
        return frozenset()
    earlier = chains.read_chain(run.execution_id).before(run.execution_id)
    if not earlier.runs:
        return frozenset()
    recorded = chains.read_launches(earlier, target)
    launches = chain_launches.read_launches(target, earlier, recorded)
    if launches.pending:
        raise ServerBusy(f"not all that the run before {run.execution_id} has launched is known: {launches.pending}")
    return frozenset(each.server_id for each in launches.instances.values() if launches.has_launched(each))
