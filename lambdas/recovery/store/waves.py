"""WAVE# rows: the status of each wave of a run, and what operators decided about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.domain.execution import STATUSES_BEFORE_START, Execution, RunSnapshot, WaveState, WaveStatus
from recovery.domain.tally import Tally
from recovery.domain.verdicts import WaveVerdict
from recovery.domain.wave_steps.approvals import OnTimeout
from recovery.free_text import flatten
from recovery.store import executions, run_requests
from recovery.store.conditions import status_condition


def _key(execution_id: str, wave: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": f"WAVE#{wave}"}


# --- create and read --------------------------------------------------------------------------------------------
def create_waves(execution: Execution) -> bool:
    """Write the wave rows as WAITING; existing rows stay as they are. Return True when there was none."""
    created = []
    for order, wave in enumerate(execution.plan.waves):
        row = {
            **_key(execution.execution_id, wave.name),
            "wave": wave.name,
            "order": order,
            "status": WaveStatus.WAITING,
            "dependsOn": list(wave.depends_on),
            "rtoTargetMinutes": wave.rto_target_minutes,
        }
        created.append(dynamodb.put_new(executions.table(), row, "executionId"))
    return all(created)


def list_rows(execution_id: str, *, consistent: bool = True) -> list[dict[str, Any]]:
    """Read the wave rows, in plan order."""
    rows = executions.query_rows(execution_id, "WAVE#", consistent=consistent)
    return sorted(rows, key=lambda row: int(row["order"]))


def read_states(execution_id: str) -> dict[str, WaveState]:
    """Read the state of each wave, with what operators decided, in plan order; raise ExecutionNotFound."""
    states = [WaveState.from_item(row) for row in list_rows(execution_id)]
    requests = run_requests.read_requests(execution_id)
    return {state.name: requests.apply_to_wave(state) for state in states}


def load_snapshot(execution_id: str) -> RunSnapshot:
    """Read the wave rows, what was requested and decided, and then META; raise ExecutionNotFound.

    A decision changes the row of its wave in the same transaction. The rows of waves are read first, so that a wave
    that a decision has moved on is read with the decision. A wave that fails records that first, and then that the run
    stops. META is read last, so that a snapshot with the failed wave has the stop as well.
    """
    states = [WaveState.from_item(row) for row in list_rows(execution_id)]
    requests = run_requests.read_requests(execution_id)
    run = executions.get_run(execution_id)
    return RunSnapshot(requests.apply_to_run(run), {each.name: requests.apply_to_wave(each) for each in states})


# --- waits for operators ----------------------------------------------------------------------------------------
def _begin_to_wait(for_: str) -> dict[str, str]:
    """The wait that a wave begins. It stays in the row until a decision ends it, or the wave ends without one."""
    return {"waitingSince": clock.iso(), "waitingFor": for_}


def _end_wait(for_: str, since: str | None, decision: Mapping[str, Any]) -> dict[str, Any]:
    """How an update ends the wait that began at `since`: it keeps the wait in the list of those that have ended."""
    ended = {"for": for_, "since": since, "until": decision["at"], "by": decision["by"]}
    return {"append": {"waits": ended} if since else {}, "remove": ["waitingSince", "waitingFor"]}


# --- progress ---------------------------------------------------------------------------------------------------
def request_approval(execution_id: str, wave: str, until: float, on_timeout: OnTimeout) -> bool:
    """Move a wave that nobody has approved to AWAITING_APPROVAL, until this moment in epoch seconds.

    `on_timeout` is what no answer counts as by then. The row has it for people to read; the plan decides.

    Its row may say IN_PROGRESS although nobody has approved it: another function wrote that, and it does not count.
    """
    values: dict[str, Any] = {
        "status": WaveStatus.AWAITING_APPROVAL,
        **_begin_to_wait("APPROVAL"),
        "approvalUntil": int(until),
        "approvalOnTimeout": on_timeout.value,
    }
    return _update_wave(execution_id, wave, values, *STATUSES_BEFORE_START, WaveStatus.IN_PROGRESS)


def pause_wave(execution_id: str, wave: str) -> bool:
    """Move a waiting wave to PAUSED, also if another function wrote that it is IN_PROGRESS."""
    values = {"status": WaveStatus.PAUSED, **_begin_to_wait("RESUME")}
    return _update_wave(execution_id, wave, values, WaveStatus.WAITING, WaveStatus.IN_PROGRESS)


def start_wave(execution_id: str, wave: str) -> bool:
    """Move a wave to IN_PROGRESS; a repeated call changes nothing. `startedAt` keeps the start of the first round."""
    values = {"status": WaveStatus.IN_PROGRESS}
    first = _update_wave(
        execution_id,
        wave,
        {**values, "startedAt": clock.iso()},
        *STATUSES_BEFORE_START,
        condition="attribute_not_exists(#startedAt)",
    )
    return first or _update_wave(execution_id, wave, values, *STATUSES_BEFORE_START)


def settle_wave(execution_id: str, wave: str, verdict: WaveVerdict, tally: Tally, turn: int | None = None) -> bool:
    """Write a wave's verdict. A final verdict is never replaced; AWAITING_DECISION is, by a final one.

    With `turn`, write only if that turn is still the latest: an operator may have requested another one since.
    """
    values: dict[str, Any] = {
        "status": verdict.status,
        "reason": verdict.reason,
        "servers": tally.to_item(),
        **({"endedAt": clock.iso()} if verdict.status.is_final else _begin_to_wait("DECISION")),
    }
    awaiting = (WaveStatus.AWAITING_DECISION,) if verdict.status.is_final else ()
    same_turn: dict[str, Any] = {}
    if turn is not None:  # the rows of runs that began before an upgrade have no turn
        same_turn = {"condition": "(attribute_not_exists(#turn) OR #turn = :judged)", "given": {"judged": turn}}
    statuses = (*STATUSES_BEFORE_START, WaveStatus.IN_PROGRESS, *awaiting)
    return _update_wave(execution_id, wave, values, *statuses, **same_turn)


def correct_wave(execution_id: str, before: WaveState, verdict: WaveVerdict, tally: Tally) -> bool:
    """Replace the verdict of a wave that has ended by one that knows more; return False when it has been replaced.

    The row keeps the first verdict.
    """
    now = clock.iso()
    first = {"status": before.status, "reason": before.reason, "servers": before.servers, "replacedAt": now}
    return _update_wave(
        execution_id,
        before.name,
        {"status": verdict.status, "reason": verdict.reason, "servers": tally.to_item(), "endedAt": now},
        before.status,
        append={"earlierVerdicts": first},
        condition="#reason = :reason",
        given={"reason": before.reason},
    )


def correct_reason(execution_id: str, before: WaveState, reason: str) -> bool:
    """Replace the reason of a wave that has ended; return False when it has been replaced."""
    return _update_wave(
        execution_id,
        before.name,
        {"reason": reason},
        before.status,
        condition="#reason = :reason",
        given={"reason": before.reason},
    )


# --- decisions of operators -------------------------------------------------------------------------------------
_UNDECIDED = "attribute_not_exists(#failureDecision)"


def record_approval(execution_id: str, wave: WaveState, approved: bool, decision: Mapping[str, Any]) -> bool:
    """Record an operator's answer; return False when the wave awaits none or its deadline has passed."""
    comment = f": {flatten(decision['comment'])}" if decision["comment"] else ""
    return _decide_wave(
        execution_id,
        wave.name,
        {
            "status": WaveStatus.WAITING,
            "approved": approved,
            "rejection": None if approved else f"was refused by {decision['by']}{comment}",
        },
        WaveStatus.AWAITING_APPROVAL,
        condition=f"{_UNDECIDED} AND (attribute_not_exists(#approvalUntil) OR #approvalUntil > :now)",
        given={"now": int(clock.now())},
        decision=decision,
        decided={"approved": approved},
        **_end_wait("APPROVAL", wave.waiting_since, decision),
    )


def record_approval_timeout(execution_id: str, wave: WaveState, approved: bool, decision: Mapping[str, Any]) -> bool:
    """Record the plan's answer, after the deadline; return False when the wave awaits none."""
    until = clock.iso(wave.approval_until or clock.now())
    return _update_wave(
        execution_id,
        wave.name,
        {
            "status": WaveStatus.WAITING,
            "approved": approved,
            "rejection": None if approved else f"timed out: nobody answered by {until}, and the plan then rejects",
        },
        WaveStatus.AWAITING_APPROVAL,
        decision=decision,
        **_end_wait("APPROVAL", wave.waiting_since, decision),
    )


def record_resume(execution_id: str, wave: WaveState, decision: Mapping[str, Any], *, is_of_run: bool) -> bool:
    """Resume a paused wave; return False when it is not paused. A decision about the whole run is kept by META."""
    return _decide_wave(
        execution_id,
        wave.name,
        {"status": WaveStatus.WAITING, "resumed": True},
        WaveStatus.PAUSED,
        decision=decision,
        decided={"resumed": True},
        is_of_run=is_of_run,
        **_end_wait("RESUME", wave.waiting_since, decision),
    )


def record_retry(execution_id: str, wave: WaveState, decision: Mapping[str, Any]) -> bool:
    """Begin another round of a failed wave. `wave` has the round that failed, so that two retries begin one round."""
    return _decide_wave(
        execution_id,
        wave.name,
        {"status": WaveStatus.WAITING, "round": wave.round + 1, "turn": wave.turn + 1},
        WaveStatus.AWAITING_DECISION,
        decision=decision,
        decided={"round": wave.round + 1, "turn": wave.turn + 1},
        **_at_turn(wave, decision),
    )


def record_verify(execution_id: str, wave: WaveState, decision: Mapping[str, Any], *, after_end: bool = False) -> bool:
    """Have the checks of a failed wave begin again, or of one that has ended. Two for one turn begin one turn."""
    at_turn = _at_turn(wave, decision)
    if after_end:  # the verdict stays until the checks have ended
        at_turn = {"condition": "(attribute_not_exists(#turn) OR #turn = :failed)", "given": {"failed": wave.turn}}
    return _decide_wave(
        execution_id,
        wave.name,
        {"status": wave.status if after_end else WaveStatus.WAITING, "turn": wave.turn + 1},
        wave.status if after_end else WaveStatus.AWAITING_DECISION,
        decision=decision,
        decided={"turn": wave.turn + 1},
        **at_turn,
    )


def _at_turn(wave: WaveState, decision: Mapping[str, Any]) -> dict[str, Any]:
    """How an update holds only if the wave still awaits a decision about this turn. It ends the wait."""
    return {
        "condition": f"{_UNDECIDED} AND (attribute_not_exists(#turn) OR #turn = :failed)",
        "given": {"failed": wave.turn},
        **_end_wait("DECISION", wave.waiting_since, decision),
    }


def record_failure_decision(
    execution_id: str, wave: WaveState, failure_decision: str, decision: Mapping[str, Any]
) -> bool:
    """Record `accept` or `abort` for a failed wave; return False when it awaits no decision."""
    return _decide_wave(
        execution_id,
        wave.name,
        {"failureDecision": failure_decision},
        WaveStatus.AWAITING_DECISION,
        condition=_UNDECIDED,
        decision=decision,
        decided={"failureDecision": failure_decision},
        **_end_wait("DECISION", wave.waiting_since, decision),
    )


def _decide_wave(
    execution_id: str,
    wave: str,
    values: Mapping[str, Any],
    *statuses: WaveStatus,
    decision: Mapping[str, Any],
    decided: Mapping[str, Any],
    is_of_run: bool = False,
    **options: Any,
) -> bool:
    """Write `values` to the wave's row and `decided` to the requests of the run, both or neither.

    Return False when the wave is at none of these statuses or does not meet the condition.
    """
    options = _update_options(*statuses, decision=None if is_of_run else decision, **options)
    in_record = dynamodb.update_action(executions.table(), _key(execution_id, wave), values, **options)
    try:
        dynamodb.transact([in_record, run_requests.decide_wave_action(execution_id, wave, decision, decided)])
    except ConditionFailed:
        return False
    return True


def _update_wave(
    execution_id: str, wave: str, values: Mapping[str, Any], *statuses: WaveStatus, **options: Any
) -> bool:
    """Update a wave that is at one of these statuses and meets the condition; return False when it does not.

    `options` are those of `_update_options`.
    """
    options = _update_options(*statuses, **options)
    return dynamodb.update_if(executions.table(), _key(execution_id, wave), values, **options)


def _update_options(
    *statuses: WaveStatus,
    decision: Mapping[str, Any] | None = None,
    append: Mapping[str, Any] | None = None,
    remove: Sequence[str] = (),
    condition: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    at_status, status_values = status_condition(*statuses)
    return {
        "append": {**(append or {}), **({"decisions": decision} if decision else {})},
        "remove": remove,
        "condition": f"{at_status} AND {condition}" if condition else at_status,
        "given": {**status_values, **(given or {})},
    }
