"""Approvals: asks operators to approve a wave and, if they do not answer in time, decides what the plan says.

AwaitApproval waits until the deadline. StartWave then runs again and records the plan's decision. An operator's own
answer is in `decisions`.
"""

from dataclasses import replace

from recovery import clock
from recovery.domain import verdicts
from recovery.domain.execution import Execution, RunSnapshot, WaveState, WaveStatus
from recovery.domain.plan import Wave
from recovery.domain.verdicts import WaveDecision
from recovery.domain.wave_steps.approvals import OnTimeout
from recovery.observability import operator_messages
from recovery.store import waves

# A wait ends by the clock of Step Functions, which may be a little ahead of ours.
CLOCK_MARGIN_SECONDS = 2


def request_or_time_out(execution: Execution, wave: Wave, snapshot: RunSnapshot, *, timed_out: bool) -> RunSnapshot:
    """Request the approval that the wave needs, once, or record the plan's decision if the deadline has passed.

    Return the snapshot after that. The wave is approved without an answer only if the state machine has waited until
    the deadline (`timed_out`): other functions can write the row that has the deadline.
    """
    state = snapshot.wave_states[wave.name]
    answer = verdicts.judge_approval_timeout(wave, state, clock.now())
    if answer and timed_out:
        _record_timeout(execution.execution_id, state, approved=True)
        snapshot = waves.load_snapshot(execution.execution_id)
        return _approve(snapshot, wave) if snapshot.wave_states[wave.name].approved is None else snapshot
    if state.status is not WaveStatus.AWAITING_APPROVAL or state.approval_until is None:
        _request(execution, wave)
    elif answer is False:
        _record_timeout(execution.execution_id, state, approved=False)
    else:
        return snapshot
    return waves.load_snapshot(execution.execution_id)


def _approve(snapshot: RunSnapshot, wave: Wave) -> RunSnapshot:
    approved = replace(snapshot.wave_states[wave.name], approved=True)
    return replace(snapshot, wave_states={**snapshot.wave_states, wave.name: approved})


def seconds_to_timeout(wave: Wave, state: WaveState) -> int | None:
    """How long Step Functions waits for the answer, in its own seconds.

    If the plan approves without an answer, the wait is as long as the plan says, also after it was interrupted.
    """
    if wave.approval is not None and wave.approval.on_timeout is OnTimeout.APPROVE:
        remaining = float(wave.approval.timeout_minutes * 60)
    elif state.approval_until is None:
        return None
    else:
        remaining = max(state.approval_until - clock.now(), 0)
    return round(clock.wall_seconds(remaining)) + CLOCK_MARGIN_SECONDS


def _request(execution: Execution, wave: Wave) -> None:
    if wave.approval is None:
        return
    until = clock.now() + wave.approval.timeout_minutes * 60
    if waves.request_approval(execution.execution_id, wave.name, until, wave.approval.on_timeout):
        operator_messages.send_approval_wanted(execution, wave, until)


def _record_timeout(execution_id: str, state: WaveState, *, approved: bool) -> None:
    decision = {
        "decision": WaveDecision.APPROVE if approved else WaveDecision.REJECT,
        "by": "the plan",
        "at": clock.iso(),
        "comment": "no answer before the deadline; the plan's timeout action applies",
    }
    waves.record_approval_timeout(execution_id, state, approved, decision)
