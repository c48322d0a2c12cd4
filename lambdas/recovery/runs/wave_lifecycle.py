"""Takes a wave from gate to gate: judges whether it may start, starts it, judges its result, and wakes other waves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NotRequired, TypedDict

from recovery import verification
from recovery.actions import outcomes
from recovery.actions.outcomes import ActionOutcomes
from recovery.domain import verdicts
from recovery.domain.batch import Batch, BatchStatus
from recovery.domain.execution import (
    Execution,
    ExecutionStatus,
    Run,
    RunSnapshot,
    WaveState,
    WaveStatus,
)
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.plan import Wave
from recovery.domain.target import Target, TargetState
from recovery.domain.verdicts import WaveGate
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.launch_settings import profiled as profiled_servers
from recovery.observability import operator_messages
from recovery.runs import approvals
from recovery.runs.inspection import uninspected
from recovery.store import batch_servers, batches, executions, inspections, run_requests, task_tokens, waves
from recovery.wording import plural


# --- start ------------------------------------------------------------------------------------------------------
class TargetBatches(TargetState):
    """The numbers of the batches that are left to recover in a target; none yet while it is pending.

    `profiles` is whether servers of the wave may have launch profiles that are applied there.
    """

    batches: list[int]
    pending: bool
    profiles: bool


class WaveStartState(TypedDict):
    """The output of StartWave. `targets` is empty unless the gate is START; `timeoutSeconds` is for an APPROVAL."""

    gate: str
    round: int
    turn: int
    targets: list[TargetBatches]
    timeoutSeconds: NotRequired[int]


@dataclass(frozen=True, slots=True)
class WaveStart:
    """The gate that a wave is at. At START, `targets` has the batches that are left to recover, by target.

    `pending` are those targets that have not been inspected yet, `profiled` those with launch profiles to apply.
    `timeout_seconds` is how long to wait for an approval.
    """

    gate: WaveGate
    round: int
    targets: dict[Target, list[int]]
    timeout_seconds: int | None = None
    turn: int = 0
    pending: frozenset[Target] = frozenset()
    profiled: frozenset[Target] = frozenset()

    def to_state(self) -> WaveStartState:
        """The output of StartWave."""
        targets: list[TargetBatches] = [
            {**key.to_state(), "batches": numbers, "pending": key in self.pending, "profiles": key in self.profiled}
            for key, numbers in self.targets.items()
        ]
        state: WaveStartState = {"gate": self.gate, "round": self.round, "turn": self.turn, "targets": targets}
        if self.timeout_seconds is not None:
            state["timeoutSeconds"] = self.timeout_seconds
        return state


def start_wave(execution_id: str, wave_name: str, *, approval_timed_out: bool = False) -> WaveStart:
    """Start the wave, unless it has to wait or must not start. Raise ExecutionNotFound.

    `approval_timed_out` is whether the state machine has waited for an approval until its deadline.
    """
    snapshot = waves.load_snapshot(execution_id)
    execution = Execution(snapshot.run, run_requests.get_plan(execution_id))
    wave, is_empty = execution.plan.wave(wave_name), False
    gate = verdicts.judge_gate(wave, snapshot)
    if gate in (WaveGate.RESUME, WaveGate.APPROVAL) and _is_empty(execution_id, wave_name):
        is_empty, gate = True, verdicts.judge_gate(wave, snapshot, is_empty=True)
    if gate is WaveGate.APPROVAL:
        snapshot = approvals.request_or_time_out(execution, wave, snapshot, timed_out=approval_timed_out)
        gate = verdicts.judge_gate(wave, snapshot)
    if gate is WaveGate.RESUME and waves.pause_wave(execution_id, wave_name):
        operator_messages.send_wave_paused(execution, wave)
    state = snapshot.wave_states[wave_name]
    if gate is WaveGate.START and is_empty:  # no operator was asked, so it starts nothing
        waves.start_wave(execution_id, wave_name)
        return WaveStart(gate, state.round, {}, turn=state.turn)
    if gate is WaveGate.START:
        gate = _judge_actions_before(execution, wave, state)
    if gate is WaveGate.START:
        return _start_targets(snapshot.run, wave, state)
    timeout_seconds = approvals.seconds_to_timeout(wave, state) if gate is WaveGate.APPROVAL else None
    return WaveStart(gate, state.round, {}, timeout_seconds, state.turn)


def _judge_actions_before(execution: Execution, wave: Wave, state: WaveState) -> WaveGate:
    """ACTIONS while actions before the wave have not ended, SETTLE if one of them fails it, START otherwise.

    A wave with no server left to launch starts nothing, so that it needs no preparation either.
    """
    found = outcomes.read_outcomes(execution, wave, ActionPlace.BEFORE, state.turn)
    if found.failures:
        waves.start_wave(execution.execution_id, wave.name)  # it is not skipped: it began, with its actions
        return WaveGate.SETTLE
    if not found.is_open or _is_empty(execution.execution_id, wave.name):
        return WaveGate.START
    waves.start_wave(execution.execution_id, wave.name)
    return WaveGate.ACTIONS


def _is_empty(execution_id: str, wave_name: str) -> bool:
    """Whether no server of the wave is left to launch, so that there is nothing for operators to decide on."""
    if any(summary.pending for summary in inspections.list_summaries(execution_id, wave_name)):
        return False
    return not any(batch.server_ids for batch in batches.list_batches(execution_id, wave_name))


def _start_targets(run: Run, wave: Wave, state: WaveState) -> WaveStart:
    """Mark the wave as started; find the batches that are left to recover, and the targets that are still pending.

    The targets are read before the batches. A target that is inspected in between is still pending here, and its
    execution of recover-target finds its batches.
    """
    execution_id = run.execution_id
    waves.start_wave(execution_id, wave.name)
    pending = frozenset(each.target for each in inspections.list_summaries(execution_id, wave.name) if each.pending)
    left: dict[Target, list[int]] = {target: [] for target in sorted(pending)}
    for batch in batches.list_batches(execution_id, wave.name):
        if batch.status is BatchStatus.SETTLED:
            if state.round <= batch.round or not batch.server_ids:
                continue
            batches.start_round(batch, state.round)
        left.setdefault(batch.ref.target, []).append(batch.ref.number)
    profiled = profiled_servers.list_targets(run, wave)
    return WaveStart(WaveGate.START, state.round, left, turn=state.turn, pending=pending, profiled=profiled)


def save_gate_token(execution_id: str, wave_name: str, gate: WaveGate, token: str) -> bool:
    """Save the token by which the wave, or a batch of it, waits; return False, and answer it, if the wait is over."""
    task_tokens.save_token(execution_id, gate, wave_name, token)
    snapshot = waves.load_snapshot(execution_id)
    if gate is WaveGate.RESUME and snapshot.run.status is ExecutionStatus.PAUSED and not snapshot.run.is_halted:
        return True
    wave = run_requests.get_plan(execution_id).wave(wave_name)
    is_waiting = verdicts.judge_gate(wave, snapshot) is gate
    if not is_waiting:
        task_tokens.release_tokens(execution_id, gate, wave_name)
    return is_waiting


# --- settle -----------------------------------------------------------------------------------------------------
class WaveStep(StrEnum):
    """What a wave does next: check its servers, run the actions after it, wait for a decision, or end."""

    CHECKS = "CHECKS"
    ACTIONS = "ACTIONS"
    DECISION = "DECISION"
    END = "END"


class WaveSettlementState(TypedDict):
    """The output of SettleWave. `checks` has the batches to check, by target, if they come next."""

    status: str
    final: bool
    next: str
    targets: list[TargetState]
    checks: list[TargetBatches]


@dataclass(frozen=True, slots=True)
class WaveSettlement:
    """The status of a wave after a turn, what it does next, and the targets that have new recovery instances."""

    status: WaveStatus
    next: WaveStep
    changed_targets: list[Target]
    batches_to_check: dict[Target, list[int]] = field(default_factory=dict)

    def to_state(self) -> WaveSettlementState:
        """The output of SettleWave."""
        return {
            "status": self.status,
            "final": self.status.is_final,
            "next": self.next,
            "targets": [target.to_state() for target in self.changed_targets],
            "checks": [
                {**target.to_state(), "batches": numbers, "pending": False, "profiles": False}
                for target, numbers in self.batches_to_check.items()
            ],
        }


def settle_wave(
    execution_id: str, wave_name: str, turn: int, problems: Sequence[str] = (), done: Collection[str] = ()
) -> WaveSettlement:
    """Judge the wave, record the verdict, and release the waves that wait for it.

    Before the verdict come the checks of its servers, and before a success the actions after it; `done` has the steps
    (CHECKS, ACTIONS) that were done in this turn, so that each comes once. `turn` is the turn that has ended; if an
    operator has requested another one since, nothing is judged. `problems` are the errors that broke parts of the wave.
    """
    snapshot = waves.load_snapshot(execution_id)
    execution = Execution(snapshot.run, run_requests.get_plan(execution_id))
    wave = execution.plan.wave(wave_name)
    state = snapshot.wave_states[wave_name]
    is_judged = not state.status.is_final and state.turn == turn
    needs_checks = is_judged and WaveStep.CHECKS not in done
    if needs_checks and (to_check := verification.start_checks(execution, wave, turn)):
        return WaveSettlement(state.status, WaveStep.CHECKS, sorted(to_check), to_check)
    if is_judged and _judge(execution, wave, snapshot, turn, problems, is_after_done=WaveStep.ACTIONS in done):
        return WaveSettlement(state.status, WaveStep.ACTIONS, [])
    # Use the recorded verdict, not this one: an earlier invocation may have recorded its verdict and been killed before
    # it stopped the run.
    snapshot = waves.load_snapshot(execution_id) if is_judged else snapshot
    ended = snapshot.wave_states[wave_name]
    stops_run = verdicts.stops_the_run(wave, ended)
    if stops_run:
        executions.record_stop(execution_id, f"wave {wave_name} failed")
    if ended.status.is_final:
        _release_dependents(execution, wave, is_stopped=stops_run or snapshot.run.stop_reason is not None)
    changed = sorted({batch.ref.target for batch in batches.list_batches(execution_id, wave_name) if batch.launched})
    return WaveSettlement(ended.status, WaveStep.END if ended.status.is_final else WaveStep.DECISION, changed)


def _judge(
    execution: Execution,
    wave: Wave,
    snapshot: RunSnapshot,
    turn: int,
    problems: Sequence[str],
    *,
    is_after_done: bool,
) -> bool:
    """Judge the wave and record the verdict. Return True instead, if the actions after the wave have to run first."""
    execution_id = execution.execution_id
    summaries = _complete_inspections(execution, wave)
    verification.end_checks(execution, wave)
    wave_batches = batches.list_batches(execution_id, wave.name)
    tally = batches.tally(wave_batches, summaries)
    before = outcomes.read_outcomes(execution, wave, ActionPlace.BEFORE, turn)
    shortfalls = _list_shortfalls(execution, wave, before, summaries, wave_batches)
    found = (problem for summary in summaries for problem in summary.problems)
    problems = [*_note_open_batches(wave_batches), *problems, *found]
    after = outcomes.read_outcomes(execution, wave, ActionPlace.AFTER, turn)
    may_act = after.is_open and not is_after_done and not snapshot.run.is_halted
    if may_act and verdicts.judge_wave(wave, snapshot, tally, problems, shortfalls).status.succeeded:
        return True
    if is_after_done:
        after = outcomes.close_actions(execution, wave, ActionPlace.AFTER, turn)
    shortfalls += after.failures
    if after.is_open and snapshot.run.is_halted:
        shortfalls.append("the actions after the wave have not run")
    verdict = verdicts.judge_wave(wave, snapshot, tally, problems, shortfalls)
    if waves.settle_wave(execution_id, wave.name, verdict, tally, turn):
        notable = batch_servers.list_notable(execution_id, wave.name)
        has_failed = bool(before.failures or after.failures)
        operator_messages.send_wave_settled(execution, wave, verdict, tally, notable, has_failed_actions=has_failed)
    return False


def _list_shortfalls(
    execution: Execution,
    wave: Wave,
    before: ActionOutcomes,
    summaries: Sequence[WaveTargetSummary],
    wave_batches: Sequence[Batch],
) -> list[str]:
    """Why the wave does not succeed whatever the tally counts, before the actions after it are looked at."""
    shortfalls = [*(reason for summary in summaries for reason in summary.shortfalls), *before.failures]
    shortfalls += verification.find_unverified_before(execution, wave)
    if before.is_open and any(batch.server_ids for batch in wave_batches):  # their machine broke
        shortfalls.append("the actions before the wave have not ended")
    return shortfalls


def _complete_inspections(execution: Execution, wave: Wave) -> list[WaveTargetSummary]:
    """The inspections of the wave, after the servers of targets that were never inspected have been excluded."""
    summaries = inspections.list_summaries(execution.execution_id, wave.name)
    if uninspected.exclude_pending(execution, wave, summaries):
        return inspections.list_summaries(execution.execution_id, wave.name)
    return summaries


def _note_open_batches(wave_batches: Sequence[Batch]) -> list[str]:
    """The servers of batches that could not be settled: their results come when the run ends."""
    unknown = sum(len(batch.launching) for batch in wave_batches)
    return [f"the results of {plural(unknown, 'server')} could not be read yet"] if unknown else []


def _release_dependents(execution: Execution, wave: Wave, *, is_stopped: bool) -> None:
    """Wake the waves that wait for this one or, if the run was stopped, all that wait. They read the record again."""
    if is_stopped:
        task_tokens.release_tokens(execution.execution_id)
        return
    for dependent in execution.plan.dependents_of(wave.name):
        task_tokens.release_tokens(execution.execution_id, WaveGate.PREDECESSORS, dependent.name)
