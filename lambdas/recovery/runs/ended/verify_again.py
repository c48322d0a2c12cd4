"""Verify: has the servers of a wave checked again that have not passed their checks, also after the end of the run.

While the run goes on, a verify is a decision about a wave that waits for one. After its end, the API itself starts
verify-target, and the verdicts of the wave and of the run are corrected when that ends. They never become worse.
"""

from recovery import verification
from recovery.aws import step_functions
from recovery.domain.execution import Execution, Mode, Run, WaveState, WaveStatus
from recovery.domain.plan import Wave
from recovery.domain.target import Target
from recovery.domain.verdicts import WaveDecision
from recovery.errors import DecisionRefused, WaveNotFound
from recovery.observability import operator_messages
from recovery.runs import decisions, finish
from recovery.runs.decisions import Operator
from recovery.store import chains, cleanups, executions, run_requests, waves
from recovery.store.steps import checks
from recovery.store.steps.checks import CheckedBatch

# Characters of a wave's name in the name of an execution, as recover-plan has them.
_NAME_LENGTH = 11


def verify(execution_id: str, wave_name: str, operator: Operator) -> None:
    """Have the unverified servers of the wave checked again.

    Raise ExecutionNotFound, WaveNotFound, DecisionRefused: while the run goes on, unless the wave waits for a decision;
    when its drill was cleaned up, or when no server is unverified. Raise AwsUnavailable if the checks may not have been
    started; the same request may be repeated.
    """
    is_repeated = operator.request is not None and decisions.has_recorded(execution_id, operator.request)
    if not executions.get_run(execution_id).status.is_final:
        if is_repeated:  # the wave may ask again, which is another question
            decisions.wake_again(execution_id, wave_name)
        else:
            decisions.decide_wave(execution_id, wave_name, WaveDecision.VERIFY, operator)
        return
    snapshot = waves.load_snapshot(execution_id)
    if wave_name not in snapshot.wave_states:
        raise WaveNotFound(f"execution {execution_id} has no wave {wave_name!r}")
    execution, state = Execution(snapshot.run, run_requests.get_plan(execution_id)), snapshot.wave_states[wave_name]
    wave = execution.plan.wave(wave_name)
    if reason := _find_reason_against(execution, state):
        raise _refuse(execution_id, wave_name, reason)
    if _start_unstarted(execution, wave):
        return
    rows = checks.list_checks(execution_id, wave_name).values()
    if not any(row.counts["unverified"] for row in rows):
        raise _refuse(execution_id, wave_name, "all its servers that have checks have passed them")
    turn = state.turn
    if not _is_decided(snapshot.run, wave_name) or turn <= max(row.turn for row in rows):
        if is_repeated:  # its checks have begun and ended
            return
        if not waves.record_verify(execution_id, state, operator.build_entry(WaveDecision.VERIFY), after_end=True):
            raise _refuse(execution_id, wave_name, "another request has just changed it")
        turn += 1
        comment = operator.comment
        operator_messages.send_decision(snapshot.run, WaveDecision.VERIFY, operator.name, comment, wave_name)
    for target, batches in verification.begin_turn(execution, wave, turn).items():
        _start(execution, wave, target, turn, batches)


def _find_reason_against(execution: Execution, state: WaveState) -> str | None:
    """Why the servers of an ended wave are not checked again, whatever they have passed."""
    execution_id = execution.execution_id
    if not checks.list_checks(execution_id, state.name):
        return f"it is {state.status.value}, and none of its servers was checked"
    if execution.run.mode is Mode.DRILL:
        cleanup = cleanups.get_cleanup(chains.read_chain(execution_id).first.execution_id)
        if cleanup and execution_id in cleanup["executions"]:
            return "the drill was cleaned up, or is being so"
    return None


def _refuse(execution_id: str, wave: str, reason: str) -> DecisionRefused:
    return DecisionRefused(f"cannot verify {wave} in execution {execution_id}: {reason}", executionId=execution_id)


def _is_decided(run: Run, wave: str) -> bool:
    """Whether the last decision about the wave was this one, after the end of the run: it may have started nothing."""
    row = next(row for row in waves.list_rows(run.execution_id) if row["wave"] == wave)
    last: dict[str, str] = next(reversed(row.get("decisions", ())), {})
    return last.get("decision") == WaveDecision.VERIFY and last["at"] >= (run.ended_at or "")


def _start_unstarted(execution: Execution, wave: Wave) -> bool:
    """Start the checks that an earlier request has begun in the record, and not started before it was killed.

    Checks whose execution has ended before them are ended here. Raise DecisionRefused while some are running.
    """
    open_by_target: dict[Target, list[CheckedBatch]] = {}
    for row in checks.list_checks(execution.execution_id, wave.name).values():
        if row.has_open:
            open_by_target.setdefault(row.ref.target, []).append(row)
    is_started = False
    for target, rows in sorted(open_by_target.items()):
        turn = max(row.turn for row in rows)
        status = step_functions.get_status(step_functions.verify_target_arn(), _name(execution, wave, target, turn))
        if status in step_functions.RUNNING_STATUSES:
            raise _refuse(execution.execution_id, wave.name, f"its servers in {target.key} are being checked now")
        if status is None:
            is_started = True
            _start(execution, wave, target, turn, sorted(row.ref.number for row in rows))
        else:
            verification.end_checks(execution, wave, target=target, reason="its checks broke off")
    return is_started


def _start(execution: Execution, wave: Wave, target: Target, turn: int, batches: list[int]) -> None:
    """Start verify-target; its name lets it begin once. Raise AwsUnavailable."""
    payload = {
        "executionId": execution.execution_id,
        "wave": wave.name,
        **target.to_state(),
        "batches": batches,
        "turn": turn,
        "afterEnd": True,
    }
    step_functions.start_once(step_functions.verify_target_arn(), _name(execution, wave, target, turn), payload)


def _name(execution: Execution, wave: Wave, target: Target, turn: int) -> str:
    """The name of an execution of verify-target, as recover-plan forms it."""
    place = f"{execution.plan.order_of(wave.name)}-{wave.name[:_NAME_LENGTH]}_{target.account_id}_{target.region}"
    return f"{execution.execution_id}_{place}_{turn}"


def finish_again(execution_id: str, wave_name: str, target: Target) -> WaveStatus:
    """End the checks of an ended wave in a target, and correct its verdict and that of the run; return its status."""
    execution = executions.get_execution(execution_id)
    wave = execution.plan.wave(wave_name)
    verification.end_checks(execution, wave, target=target, reason="its checks broke off")
    finish.correct_end(execution)
    return waves.read_states(execution_id)[wave_name].status
