"""Opens a run: creates the rows of its waves. It imports little, because LoadPlan needs nothing else."""

from recovery.domain.execution import Execution, Mode
from recovery.domain.target import Target
from recovery.errors import LateMessage
from recovery.observability import operator_messages
from recovery.store import executions, run_requests, waves


def open_run(execution_id: str) -> tuple[Execution, list[Target]]:
    """Begin the run in its state machine: create its wave rows and notify operators; return the run and its targets.

    Raise ExecutionNotFound, LateMessage when the run has ended.
    """
    execution = executions.get_execution(execution_id)
    run = execution.run
    if run.status.is_final:
        raise LateMessage(f"execution {execution_id} is {run.status.value} already")
    if waves.create_waves(execution) and run.mode is not Mode.READINESS:
        operator_messages.send_run_started(execution)
    return execution, sorted({group.target for group in run_requests.get_groups(execution_id).values()})
