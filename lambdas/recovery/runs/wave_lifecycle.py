"""Wave lifecycle: gating, start, verdict, and release of dependent waves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from recovery import clock
from recovery.domain import verdicts
from recovery.domain.batch import BatchStatus
from recovery.domain.execution import (
    Execution,
    ExecutionStatus,
    Mode,
    RunSnapshot,
    WaveState,
    WaveStatus,
)
from recovery.domain.plan import Wave
from recovery.domain.target import Target, TargetState
from recovery.domain.verdicts import WaveDecision, WaveGate
from recovery.errors import LateMessage
from recovery.observability import operator_messages
from recovery.store import batches, executions, inspections, task_tokens, waves

# A wait ends by the clock of Step Functions, which may be a little ahead of ours.
CLOCK_MARGIN_SECONDS = 2


# --- open -------------------------------------------------------------------------------------------------------
def open_run(execution_id: str) -> tuple[Execution, list[Target]]:
    """Create the wave rows of a run and notify operators of its start; return the run with its targets.

    Raise ExecutionNotFound, LateMessage when the run has ended.
    """
    execution = executions.get_execution(execution_id)
    run = execution.run
    if run.status.is_final:
        raise LateMessage(f"execution {execution_id} is {run.status.value} already")
    if waves.create_waves(execution) and run.mode is not Mode.READINESS:
        operator_messages.send_run_started(execution)
    return execution, sorted({group.target for group in executions.get_groups(execution_id).values()})


# --- start ------------------------------------------------------------------------------------------------------
class TargetBatches(TargetState):
    """The numbers of the batches that are left to recover in a target."""

    batches: list[int]


class WaveStartState(TypedDict):
    """The output of StartWave. `targets` is empty unless the gate is START; `timeoutSeconds` is for an APPROVAL."""

    gate: str
    round: int
    targets: list[TargetBatches]
    timeoutSeconds: NotRequired[int]


@dataclass(frozen=True, slots=True)
class WaveStart:
    """The gate that a wave is at. At START, `targets` has the batches that are left to recover, by target.

    `timeout_seconds` is how long to wait for an approval.
    """

    gate: WaveGate
    round: int
    targets: dict[Target, list[int]]
    timeout_seconds: int | None = None

    def to_state(self) -> WaveStartState:
        """The output of StartWave."""
        targets: list[TargetBatches] = [{**key.to_state(), "batches": numbers} for key, numbers in self.targets.items()]
        state: WaveStartState = {"gate": self.gate, "round": self.round, "targets": targets}
        if self.timeout_seconds is not None:
            state["timeoutSeconds"] = self.timeout_seconds
        return state


def start_wave(execution_id: str, wave_name: str) -> WaveStart:
    """Start the wave, unless it has to wait or must not start. Raise ExecutionNotFound."""
    snapshot = waves.load_snapshot(execution_id)
    execution = Execution(snapshot.run, executions.get_plan(execution_id))
    wave = execution.plan.wave(wave_name)
    gate = verdicts.judge_gate(wave, snapshot)
    if gate is WaveGate.APPROVAL:
        snapshot = _request_approval(execution, wave, snapshot)
        outcome = verdicts.judge_approval_timeout(wave, snapshot.wave_states[wave_name], clock.now())
        if outcome is not None:
            _record_approval_timeout(execution_id, wave, outcome)
            snapshot = waves.load_snapshot(execution_id)
            gate = verdicts.judge_gate(wave, snapshot)
    if gate is WaveGate.RESUME and waves.pause_wave(execution_id, wave_name):
        operator_messages.send_wave_paused(execution, wave)
    state = snapshot.wave_states[wave_name]
    targets = _start_batches(execution_id, wave, state) if gate is WaveGate.START else {}
    return WaveStart(
        gate, state.round, targets, _approval_timeout_seconds(state) if gate is WaveGate.APPROVAL else None
    )


def _request_approval(execution: Execution, wave: Wave, snapshot: RunSnapshot) -> RunSnapshot:
    if snapshot.wave_states[wave.name].approval_until is not None or wave.approval is None:
        return snapshot
    until = clock.now() + wave.approval.timeout_minutes * 60
    if waves.request_approval(execution.execution_id, wave.name, until):
        operator_messages.send_approval_wanted(execution, wave, until)
    return waves.load_snapshot(execution.execution_id)


def _approval_timeout_seconds(state: WaveState) -> int | None:
    if state.approval_until is None:
        return None
    left = max(state.approval_until - clock.now(), 0)
    return round(clock.wall_seconds(left)) + CLOCK_MARGIN_SECONDS


def _record_approval_timeout(execution_id: str, wave: Wave, approved: bool) -> None:
    decision = {
        "decision": WaveDecision.APPROVE if approved else WaveDecision.REJECT,
        "by": "the plan",
        "at": clock.iso(),
        "comment": "no answer before the deadline; the plan's timeout action applies",
    }
    waves.record_approval_timeout(execution_id, wave.name, approved, decision)


def _start_batches(execution_id: str, wave: Wave, state: WaveState) -> dict[Target, list[int]]:
    """Mark the wave as started and return the batches that are left to recover, by target."""
    waves.start_wave(execution_id, wave.name)
    left: dict[Target, list[int]] = {}
    for batch in batches.list_batches(execution_id, wave.name):
        if batch.status is BatchStatus.SETTLED:
            if state.round <= batch.round or not batch.server_ids:
                continue
            batches.start_round(batch, state.round)
        left.setdefault(batch.ref.target, []).append(batch.ref.number)
    return left


def wait_at_gate(execution_id: str, wave_name: str, gate: WaveGate, token: str) -> bool:
    """Save the token by which the wave, or a batch of it, waits; return False when the wait is over already."""
    task_tokens.save_token(execution_id, gate, wave_name, token)
    snapshot = waves.load_snapshot(execution_id)
    if gate is WaveGate.RESUME and snapshot.run.status is ExecutionStatus.PAUSED and not snapshot.run.is_halted:
        return True
    wave = executions.get_plan(execution_id).wave(wave_name)
    is_waiting = verdicts.judge_gate(wave, snapshot) is gate
    if not is_waiting:
        task_tokens.release_tokens(execution_id, gate, wave_name)
    return is_waiting


# --- settle -----------------------------------------------------------------------------------------------------
class WaveSettlementState(TypedDict):
    """The output of SettleWave."""

    status: str
    final: bool
    targets: list[TargetState]


@dataclass(frozen=True, slots=True)
class WaveSettlement:
    """The status of a wave after a round, and the targets that have new recovery instances."""

    status: WaveStatus
    changed_targets: list[Target]

    def to_state(self) -> WaveSettlementState:
        """The output of SettleWave."""
        targets = [target.to_state() for target in self.changed_targets]
        return {"status": self.status, "final": self.status.is_final, "targets": targets}


def settle_wave(execution_id: str, wave_name: str, round_: int, problems: Sequence[str] = ()) -> WaveSettlement:
    """Judge the wave, record the verdict, and release the waves that wait for it.

    `round_` is the round that has ended; if an operator has requested another one since, nothing is judged. `problems`
    are the errors that broke parts of the wave.
    """
    snapshot = waves.load_snapshot(execution_id)
    execution = Execution(snapshot.run, executions.get_plan(execution_id))
    wave = execution.plan.wave(wave_name)
    wave_batches = batches.list_batches(execution_id, wave_name)
    state = snapshot.wave_states[wave_name]
    if not state.status.is_final and state.round == round_:
        tally = batches.tally(wave_batches, inspections.list_summaries(execution_id, wave_name))
        verdict = verdicts.judge_wave(wave, snapshot, tally, problems)
        if waves.settle_wave(execution_id, wave_name, verdict, tally, round_):
            operator_messages.send_wave_settled(execution, wave, verdict, tally)
        # What follows goes by the record, not by this verdict: an earlier invocation may have recorded its verdict and
        # been killed before it stopped the run.
        snapshot = waves.load_snapshot(execution_id)
    ended = snapshot.wave_states[wave_name]
    stops_run = verdicts.stops_the_run(wave, ended)
    if stops_run:
        executions.stop_run(execution_id, f"wave {wave_name} failed")
    if ended.status.is_final:
        _release_dependents(execution, wave, is_stopped=stops_run or snapshot.run.stop_reason is not None)
    return WaveSettlement(ended.status, sorted({batch.ref.target for batch in wave_batches if batch.launched}))


def _release_dependents(execution: Execution, wave: Wave, *, is_stopped: bool) -> None:
    """Wake the waves that wait for this one, or all that wait when the run was stopped. They judge the record again."""
    if is_stopped:
        task_tokens.release_tokens(execution.execution_id)
        return
    for dependent in execution.plan.dependents_of(wave.name):
        task_tokens.release_tokens(execution.execution_id, WaveGate.PREDECESSORS, dependent.name)
