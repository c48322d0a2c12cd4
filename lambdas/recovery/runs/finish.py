"""Ends a run: judges it, closes its record and its open waves, frees its plan, and notifies operators."""

from collections.abc import Callable

from recovery.domain import verdicts
from recovery.domain.execution import Execution, Run, RunSnapshot, WaveStatus
from recovery.domain.verdicts import ExecutionVerdict, WaveVerdict
from recovery.observability import operator_messages
from recovery.store import batches, executions, waves

# A run that is cancelled while it is judged is judged again; a run is cancelled only once.
MAX_FINISH_ATTEMPTS = 3


def finish_run(execution: Execution, problem: str | None) -> ExecutionVerdict:
    """Judge the run and close its record, with the waves that never ended; return the verdict on record."""

    def judge(run: Run) -> ExecutionVerdict:
        return verdicts.judge_execution(_close_waves(execution, run, problem), problem, run.cancelled)

    return _close_run(execution, judge)


def close_without_launch(execution: Execution, verdict: ExecutionVerdict, reason: str) -> ExecutionVerdict:
    """Close the record of a run that launches nothing: a readiness run, or one that was refused."""
    execution_id, skipped = execution.execution_id, WaveVerdict(WaveStatus.SKIPPED, reason)
    for wave in execution.plan.waves:
        waves.settle_wave(execution_id, wave.name, skipped, batches.tally_servers(execution_id, wave.name))

    def judge(run: Run) -> ExecutionVerdict:
        if not run.cancelled:
            return verdict
        statuses = RunSnapshot(run, waves.read_states(execution_id)).wave_statuses
        return verdicts.judge_execution(statuses, None, run.cancelled)

    return _close_run(execution, judge)


def _close_run(execution: Execution, judge: Callable[[Run], ExecutionVerdict]) -> ExecutionVerdict:
    """Record the verdict, free the plan and notify operators, each once; return the verdict on record."""
    execution_id, run = execution.execution_id, execution.run
    for _ in range(MAX_FINISH_ATTEMPTS):
        if run.status.is_final:  # an earlier invocation may have been killed before it freed the plan
            executions.release_plan(run.plan_id, execution_id)
            break
        verdict, tally = judge(run), batches.tally_servers(execution_id)
        if executions.finish_execution(run, verdict, tally):
            operator_messages.send_run_finished(execution, verdict, tally)
            return verdict
        run = executions.get_run(execution_id)  # it was cancelled or closed since it was read
    return ExecutionVerdict(run.status, run.reason or "")


def _close_waves(execution: Execution, run: Run, problem: str | None) -> dict[str, WaveStatus]:
    """Settle the waves that have not ended; return the status of every wave."""
    statuses = RunSnapshot(run, waves.read_states(execution.execution_id)).wave_statuses
    for name, status in statuses.items():
        if not status.is_final:
            tally = batches.tally_servers(execution.execution_id, name)
            verdict = verdicts.judge_unfinished_wave(status, run, tally, problem)
            waves.settle_wave(execution.execution_id, name, verdict, tally)
            statuses[name] = verdict.status
    return statuses
