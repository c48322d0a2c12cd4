"""Ends a run: settles its open batches and waves, judges it, closes its record and releases its plan."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from aws_lambda_powertools import Logger

from recovery import verification
from recovery.actions import closing, outcomes
from recovery.domain import verdicts
from recovery.domain.batch import Batch, BatchStatus
from recovery.domain.caught_errors import CaughtError
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run, RunSnapshot, WaveStatus
from recovery.domain.standing.answers import AnswerChange, AnswerStatus
from recovery.domain.tally import Tally
from recovery.domain.verdicts import ExecutionVerdict, WaveVerdict
from recovery.drs import capacity_leases
from recovery.errors import AwsUnavailable, DrsWavesError, RunHalted
from recovery.observability import operator_messages, readiness_messages
from recovery.runs import settle
from recovery.runs.settle import AttemptOutcome
from recovery.runs.standing import answers
from recovery.store import batches, executions, inspections, waves
from recovery.wording import first_of, plural

logger = Logger(child=True)

# A cancel during the judgement makes one more attempt necessary, and a run is cancelled only once.
MAX_END_ATTEMPTS = 3

# Jobs that the reason of a run names.
MAX_JOBS_NAMED = 3


def end_run(execution_id: str, error: CaughtError | None) -> tuple[Execution, ExecutionVerdict]:
    """End a run whose state machine is about to end; return the run and the verdict on record.

    `error` is the error that broke the run, if any. Raise ExecutionNotFound.
    """
    execution = executions.get_execution(execution_id)
    problem = str(error) if error else None
    if problem:
        executions.record_abort(execution_id, problem)  # a child machine may still run, and must start nothing more
    closing.close_run(execution.execution_id, problem or "the run has ended")
    left_running = settle_open_batches(execution, "its part of the run broke")
    return execution, judge_and_end(execution, problem, left_running)


def settle_open_batches(execution: Execution, reason: str) -> list[str]:
    """Settle the batches that no machine polls any more and release their leases; return the jobs that run on.

    A batch keeps the servers that it holds if its job may exist unseen, or if a function that outlives its machine may
    be about to start it.
    """
    left_running: list[str] = []
    for batch in batches.list_batches(execution.execution_id):
        is_known = batch.status.is_in_attempt and _settle_batch(batch, reason, left_running)
        if batch.status is not BatchStatus.SETTLED:
            release = capacity_leases.release_lease if is_known else capacity_leases.release_lease_after_hold
            release(batch, batch.lease_attempt)
    return left_running


def _settle_batch(batch: Batch, reason: str, left_running: list[str]) -> bool:
    """Record the results of the batch's job if it has ended. A job that still runs is added to `left_running`.

    The run is about to end and nothing polls its batches again, so a result that is unknown now is recorded as unknown.
    Return False if DRS could not be asked for the job, or need not show it yet.
    """
    outcome = AttemptOutcome(batch.job_id, CaughtError.from_error(RunHalted(reason)), launch_attempts=0)
    try:
        settlement = settle.settle_batch(batch.ref, outcome)
    except DrsWavesError as error:  # the run has to end, whatever the error is
        unknown = f"{reason}; DRS could not be asked what became of its servers: {error.message}"
        batches.skip_batch(batches.get_batch(batch.ref), unknown)
        logger.warning("batch not settled", extra={"batch": batch.ref.key, "reason": error.message})
        return False
    if settlement.follow:
        job = f"{settlement.follow.job_id} continues in DRS and is no longer followed"
        batches.skip_batch(batches.get_batch(batch.ref), f"{reason}; {job}")
        servers = plural(len(batch.server_ids), "server")
        left_running.append(f"{settlement.follow.job_id} with {servers} in {batch.ref.target.key}")
        logger.warning("job left running", extra={"batch": batch.ref.key, "job": settlement.follow.job_id})
    return True


def judge_and_end(execution: Execution, problem: str | None, left_running: Sequence[str] = ()) -> ExecutionVerdict:
    """Judge the run and its waves by their servers and close the record; return the verdict on record.

    `left_running` has the jobs that run on without anything that follows them; the verdict and the message name them.

    Waves that have ended are judged again, because the results of their servers may have come since.
    """

    whole_problem = problem
    if problem and left_running:
        jobs = ", ".join(first_of(left_running, MAX_JOBS_NAMED))
        whole_problem = f"{problem}; DRS jobs run on and are not followed: {jobs}"

    def judge(run: Run) -> ExecutionVerdict:
        return _judge(execution, _judge_waves(execution, run, problem), whole_problem)

    return _end(execution, judge, left_running)


def correct_end(execution: Execution) -> None:
    """Judge a run that has ended again, if results of its servers came after its verdict."""
    run = executions.get_run(execution.execution_id)
    tally = batches.tally_servers(execution.execution_id)
    if run.mode is Mode.READINESS or run.servers is None or run.servers == tally.to_item():
        return
    snapshot = _judge_waves(execution, run, run.aborted_reason)
    verdict = _judge(execution, snapshot, run.aborted_reason)
    if executions.correct_end(run, verdict, tally):
        operator_messages.send_run_corrected(execution, run.status, verdict, tally)


def _judge(execution: Execution, snapshot: RunSnapshot, problem: str | None) -> ExecutionVerdict:
    causes = [*verdicts.explain_rejections(snapshot), *_name_failed_actions(execution, snapshot)]
    if all(status is WaveStatus.COMPLETED for status in snapshot.wave_statuses.values()):
        failures = outcomes.list_shortfalls(Execution(snapshot.run, execution.plan), None)
    else:  # the waves say why the actions after the plan have not run
        failures = outcomes.list_failures(execution, None)
    failures += outcomes.list_impossible(execution)
    return verdicts.judge_execution(snapshot.wave_statuses, problem, snapshot.run.cancelled_by, causes, failures)


def _name_failed_actions(execution: Execution, snapshot: RunSnapshot) -> list[str]:
    """Why waves have not succeeded, as far as their actions are the reason."""
    short = {name for name, status in snapshot.wave_statuses.items() if status is not WaveStatus.COMPLETED}
    waves_short = [wave for wave in execution.plan.waves if wave.name in short]
    return [failure for wave in waves_short for failure in outcomes.list_failures(execution, wave)]


def end_without_launch(execution: Execution, verdict: ExecutionVerdict, reason: str) -> ExecutionVerdict:
    """End a run that launches nothing: a readiness run, or one that was refused. Return the verdict on record."""
    execution_id = execution.execution_id
    status = WaveStatus.CHECKED if execution.run.mode is Mode.READINESS else WaveStatus.SKIPPED
    for wave in execution.plan.waves:
        tally = batches.tally_servers(execution_id, wave.name)
        waves.settle_wave(execution_id, wave.name, WaveVerdict(status, reason), tally)

    def judge(run: Run) -> ExecutionVerdict:
        if not run.cancelled_by:
            return verdict
        return _judge(execution, RunSnapshot(run, waves.read_states(execution_id)), None)

    return _end(execution, judge)


def _end(
    execution: Execution, judge: Callable[[Run], ExecutionVerdict], left_running: Sequence[str] = ()
) -> ExecutionVerdict:
    """Record the verdict, release the plan and notify operators, each once; return the verdict on record."""
    execution_id = execution.execution_id
    for _ in range(MAX_END_ATTEMPTS):
        run = executions.get_run(execution_id)  # settling the batches may have taken minutes
        if run.status.is_final:  # an earlier invocation may have been killed before it did the rest
            executions.release_plan(run.plan_id, execution_id)
            _keep_answer(execution, run, ExecutionVerdict(run.status, run.reason or ""))
            break
        verdict, tally = judge(run), batches.tally_servers(execution_id)
        if verdict.status is ExecutionStatus.NOT_READY:  # while this run still locks the plan
            executions.unlink_continuation(run)
        if executions.record_end(run, verdict, tally):
            change = _keep_answer(execution, run, verdict)
            if not run.is_scheduled or AnswerStatus.of_run(verdict.status) is None:
                readiness = readiness_messages.describe_change(change)
                operator_messages.send_run_finished(execution, verdict, tally, left_running, readiness)
            return verdict
    else:
        run = executions.get_run(execution_id)
    return ExecutionVerdict(run.status, run.reason or "")


def _keep_answer(execution: Execution, run: Run, verdict: ExecutionVerdict) -> AnswerChange | None:
    """Keep the answer of a readiness run on its plan, and return it with the one before if it was not kept yet.

    Of a run that the schedule has started, operators hear only if the answer has changed. An answer that cannot be kept
    does not keep the run from its end.
    """
    try:
        change = answers.keep(run, verdict)
    except AwsUnavailable as error:
        logger.warning("answer not kept", extra={"executionId": run.execution_id, "reason": error.message})
        return None
    if change and run.is_scheduled and change.is_news:
        readiness_messages.send_changed(execution, change, answers.list_findings(run.execution_id))
    return change


def _collect_shortfalls(execution: Execution, snapshot: RunSnapshot) -> dict[str, list[str]]:
    """By wave, why it does not succeed whatever the tally counts: servers that are in no tally, actions that failed."""
    found: dict[str, list[str]] = defaultdict(list)
    for summary in inspections.list_summaries(execution.execution_id):
        found[summary.wave].extend(summary.shortfalls)
    for wave in execution.plan.waves:
        if wave.name not in snapshot.wave_states:
            continue
        found[wave.name].extend(outcomes.list_shortfalls(execution, wave))
        found[wave.name].extend(verification.find_unverified_before(execution, wave))
    return found


def _end_checks(execution: Execution, snapshot: RunSnapshot) -> None:
    """Record servers that nothing checks any more, so that the tallies count them."""
    for wave in execution.plan.waves:
        state = snapshot.wave_states.get(wave.name)
        if state and state.status.is_final:
            verification.record_late(execution, wave)
        elif state:
            verification.end_checks(execution, wave)


def _judge_waves(execution: Execution, run: Run, problem: str | None) -> RunSnapshot:
    """Settle the waves that have not ended, and correct those whose verdict no longer fits their servers.

    Return the run with its waves as they are then.
    """
    execution_id = execution.execution_id
    snapshot = RunSnapshot(run, waves.read_states(execution_id))
    _end_checks(execution, snapshot)
    tallies, shortfalls = batches.tally_waves(execution_id), _collect_shortfalls(execution, snapshot)
    is_changed = False
    for wave in execution.plan.waves:
        state, tally = snapshot.wave_states.get(wave.name), tallies.get(wave.name, Tally())
        if state is None:  # the run broke before its waves were created
            continue
        if not state.status.is_final:
            verdict = verdicts.judge_unfinished_wave(wave, snapshot, tally, problem, shortfalls[wave.name])
            waves.settle_wave(execution_id, wave.name, verdict, tally)
            is_changed = True
        elif correction := verdicts.judge_wave_again(wave, snapshot, tally, shortfalls[wave.name]):
            if waves.correct_wave(execution_id, state, correction, tally):
                operator_messages.send_wave_corrected(execution, wave, state.status, correction, tally)
            is_changed = True
    if not is_changed and not any(state.is_corrected for state in snapshot.wave_states.values()):
        return snapshot
    snapshot = RunSnapshot(run, waves.read_states(execution_id))
    for wave in execution.plan.waves:
        if wave.name in snapshot.wave_states and (reason := verdicts.explain_skip(wave, snapshot)):
            waves.correct_reason(execution_id, snapshot.wave_states[wave.name], reason)
    return snapshot
