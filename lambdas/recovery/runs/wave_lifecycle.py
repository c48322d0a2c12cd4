"""The way of a wave through its run: what holds it, its start, its verdict, and what that means for the others."""

from collections.abc import Callable, Sequence
from typing import Any

from recovery import clock
from recovery.domain import verdicts
from recovery.domain.batch import BatchStatus
from recovery.domain.execution import STATUSES_BEFORE_START, Execution, ExecutionStatus, Run, WaveState, WaveStatus
from recovery.domain.plan import Wave
from recovery.domain.verdicts import ExecutionVerdict, WaveGate, WaveVerdict
from recovery.observability import operator_messages
from recovery.store import batches, executions, task_tokens, waves

# A wait ends by the clock of Step Functions, which may be a little ahead of ours.
CLOCK_MARGIN_SECONDS = 2


# A finish that meets a cancel is judged again; a cancel comes once.
MAX_FINISH_ATTEMPTS = 3


def start_wave(execution: Execution, wave_name: str) -> dict[str, Any]:
    """Start the wave unless something holds it.

    Returns `{hold, round, targets: [{accountId, region, batches: [1, 2]}], timeoutSeconds}`; `hold` is a value of
    Hold, `targets` is what is left to recover when it is START, `timeoutSeconds` how long an approval is waited for.
    """
    wave = execution.plan.wave(wave_name)
    hold, state = _read_gate(execution, wave)
    if hold is WaveGate.APPROVAL:
        state = _request_approval(execution, wave, state)
        silence = verdicts.judge_approval_timeout(wave, state, clock.now())
        if silence is not None:
            _record_approval_timeout(execution, wave, silence)
            hold, state = _read_gate(execution, wave)
    if hold is WaveGate.RESUME:
        _pause_wave(execution, wave)
    answer: dict[str, Any] = {"hold": hold.value, "round": state.round, "targets": []}
    if hold is WaveGate.APPROVAL and state.approval_until is not None:
        left = max(state.approval_until - clock.now(), 0)
        answer["timeoutSeconds"] = round(clock.wall_seconds(left)) + CLOCK_MARGIN_SECONDS
    if hold is WaveGate.START:
        answer["targets"] = _start_batches(execution, wave, state)
    return answer


def _read_gate(execution: Execution, wave: Wave) -> tuple[WaveGate, WaveState]:
    """What holds the wave as the record is now."""
    states = waves.read_states(execution.execution_id)
    return verdicts.judge_gate(wave, states, executions.get_run(execution.execution_id)), states[wave.name]


def _request_approval(execution: Execution, wave: Wave, state: WaveState) -> WaveState:
    if state.approval_until is None and wave.approval:
        until = clock.now() + wave.approval.timeout_minutes * 60
        values = {
            "status": WaveStatus.AWAITING_APPROVAL.value,
            "waitingSince": clock.iso(),
            "approvalUntil": int(until),
        }
        if waves.update_wave(execution.execution_id, wave.name, values, *STATUSES_BEFORE_START):
            operator_messages.send_approval_wanted(execution, wave, until)
    return waves.read_states(execution.execution_id)[wave.name]


def _record_approval_timeout(execution: Execution, wave: Wave, approved: bool) -> None:
    said = "approve" if approved else "reject"
    comment = "nobody answered in time; the plan says so"
    decision = {"decision": said, "by": "the plan", "at": clock.iso(), "comment": comment}
    waves.update_wave(
        execution.execution_id,
        wave.name,
        {"status": WaveStatus.WAITING.value, "approved": approved},
        WaveStatus.AWAITING_APPROVAL,
        append={"decisions": decision},
    )


def _pause_wave(execution: Execution, wave: Wave) -> None:
    values = {"status": WaveStatus.PAUSED.value, "waitingSince": clock.iso()}
    if waves.update_wave(execution.execution_id, wave.name, values, WaveStatus.WAITING):
        operator_messages.send_wave_paused(execution, wave)


def _start_batches(execution: Execution, wave: Wave, state: WaveState) -> list[dict[str, Any]]:
    """Mark the wave started and return the batches that are left to recover, by target."""
    execution_id = execution.execution_id
    waves.start_wave(execution_id, wave.name)
    left: dict[Any, list[int]] = {}
    for batch in batches.list_batches(execution_id, wave.name):
        if state.round > batch.round and batch.status is BatchStatus.SETTLED and batch.server_ids:
            batches.start_round(batch, state.round)
            left.setdefault(batch.ref.target, []).append(batch.ref.number)
        elif batch.status is not BatchStatus.SETTLED:
            left.setdefault(batch.ref.target, []).append(batch.ref.number)
    return [{**target.to_state(), "batches": numbers} for target, numbers in left.items()]


def wait_at_gate(execution_id: str, wave_name: str, hold: WaveGate, token: str) -> bool:
    """Keep the token by which the wave, or a batch of it, waits; False when there is nothing to wait for any more."""
    task_tokens.save_token(execution_id, hold, wave_name, token)
    run = executions.get_run(execution_id)
    if hold is WaveGate.RESUME and run.status is ExecutionStatus.PAUSED and not run.is_halted:
        return True
    execution = executions.get_execution(execution_id)
    now, _ = _read_gate(execution, execution.plan.wave(wave_name))
    if now is not hold:
        task_tokens.release_tokens(execution_id, hold, wave_name)
    return now is hold


def settle_wave(execution: Execution, wave_name: str, round_: int, problems: Sequence[str] = ()) -> WaveStatus:
    """Judge the wave, keep the verdict with what broke on the way, and let go what waited for it.

    `round_` is the one that has ended; when people have asked for another since, nothing is judged.
    """
    execution_id, wave = execution.execution_id, execution.plan.wave(wave_name)
    run, states = executions.get_run(execution_id), waves.read_states(execution_id)
    state = states[wave_name]
    if not state.status.is_final and state.round == round_:
        tally = batches.tally_servers(execution_id, wave_name)
        verdict = verdicts.judge_wave(wave, states, run, tally, problems)
        if waves.settle_wave(execution_id, wave_name, verdict, tally, round_):
            operator_messages.send_wave_settled(execution, wave, verdict, tally)
    ended = waves.read_states(execution_id)[wave_name]
    # By the record, not by this verdict: a try that was killed after it had kept its verdict stopped nothing.
    if verdicts.stops_the_run(wave, ended):
        executions.stop_run(execution_id, f"wave {wave_name} failed")
    if ended.status.is_final:
        release_dependents(execution, wave)
    return ended.status


def release_dependents(execution: Execution, wave: Wave) -> None:
    """Wake the waves that wait for this one, or all that wait when the run was stopped; they look at the record."""
    execution_id = execution.execution_id
    if executions.get_run(execution_id).stopped:
        task_tokens.release_tokens(execution_id)
        return
    for dependant in execution.plan.dependants_of(wave.name):
        task_tokens.release_tokens(execution_id, WaveGate.PREDECESSORS, dependant.name)


def finish_run(execution: Execution, problem: str | None) -> Run:
    """Judge the run and close its record, with the waves that never ended; return it as it then is."""

    def judge(run: Run) -> ExecutionVerdict:
        return verdicts.judge_execution(_close_waves(execution, run, problem), problem, run.cancelled)

    return _close_run(execution, judge)


def close_without_launch(execution: Execution, verdict: ExecutionVerdict, why: str) -> Run:
    """Close the record of a run that launches nothing: one that only looked, or that was refused."""
    execution_id, skipped = execution.execution_id, WaveVerdict(WaveStatus.SKIPPED, why)
    for name in waves.read_states(execution_id):
        waves.settle_wave(execution_id, name, skipped, batches.tally_servers(execution_id, name))

    def judge(run: Run) -> ExecutionVerdict:
        if not run.cancelled:
            return verdict
        statuses = {name: state.status for name, state in waves.read_states(execution_id).items()}
        return verdicts.judge_execution(statuses, None, run.cancelled)

    return _close_run(execution, judge)


def _close_run(execution: Execution, judge: Callable[[Run], ExecutionVerdict]) -> Run:
    """Write the verdict, free the plan and tell people, each once; a verdict that meets a cancel is judged again."""
    execution_id = execution.execution_id
    for _ in range(MAX_FINISH_ATTEMPTS):
        run = executions.get_run(execution_id)
        if run.status.is_final:  # by a try that was killed before it freed the plan, perhaps
            executions.release_plan(run.plan_id, execution_id)
            break
        verdict, tally = judge(run), batches.tally_servers(execution_id)
        if executions.finish_execution(run, verdict, tally):
            operator_messages.send_run_finished(execution, verdict, tally)
            break
    return executions.get_run(execution_id)


def _close_waves(execution: Execution, run: Run, problem: str | None) -> dict[str, WaveStatus]:
    statuses = {name: state.status for name, state in waves.read_states(execution.execution_id).items()}
    for name, status in statuses.items():
        if not status.is_final:
            tally = batches.tally_servers(execution.execution_id, name)
            why = run.halted_because if run.cancelled else f"the run ended first: {problem}" if problem else None
            ended = WaveStatus.SKIPPED if status in STATUSES_BEFORE_START else WaveStatus.FAILED
            if tally.total and tally.missing == 0:
                ended, why = WaveStatus.COMPLETED, f"all {tally.total} servers were launched"
            verdict = WaveVerdict(ended, why or "the run ended first")
            waves.settle_wave(execution.execution_id, name, verdict, tally)
            statuses[name] = ended
    return statuses
