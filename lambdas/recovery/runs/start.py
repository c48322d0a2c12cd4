"""Starts a run: its record, the plan's lock and its state machine, in an order that is safe if it is interrupted."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from recovery import clock
from recovery.aws import step_functions
from recovery.catalog import plans
from recovery.catalog.groups import find_groups
from recovery.domain import polling
from recovery.domain.cleanup_chunk import CleanupStatus
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run
from recovery.domain.launch_profiles.profiles import ProfileOption
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.domain.wave_steps.actions import ActionsOption
from recovery.errors import (
    AlreadyContinued,
    AwsUnavailable,
    CleanupRunning,
    ExecutionNotFound,
    IdempotencyConflict,
    InvalidRequest,
    NothingToContinue,
    PlanAlreadyRunning,
    StartFailed,
)
from recovery.runs import abandoned
from recovery.store import batches, chains, cleanups, executions, idempotency_keys, run_requests
from recovery.store.chains import MAX_CHAIN_LENGTH, Chain
from recovery.store.drills import evidence_rows
from recovery.store.executions import ContinuationRefused
from recovery.store.idempotency_keys import RequestKey

# The lock can change hands between reads. After this many attempts, give up.
MAX_LOCK_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is requested, by whom, and from which point in time (ISO 8601), if not the latest.

    Requests with the same idempotency key start one run. With `replace_existing`, the requester has agreed that
    launches replace live recovery instances. `actions` is what a drill does with the actions of its plan, `profiles`
    what the run does with the launch profiles of its groups; with `reserves_capacity`, it holds capacity of EC2 until
    its end. `earlier` requested the runs that this one continues.
    """

    mode: Mode
    by: str
    point_in_time: str | None = None
    key: RequestKey | None = None
    replace_existing: bool = False
    earlier: tuple[str, ...] = ()
    actions: ActionsOption = ActionsOption.RUN
    profiles: ProfileOption = ProfileOption.APPLY
    reserves_capacity: bool = False


def start_run(plan_id: str, request: RunRequest) -> Run:
    """Record the run and lock its plan, then start recover-plan under the execution's id.

    Raise PlanNotFound, PlanAlreadyRunning, InvalidRequest when the plan references deleted groups, StartFailed,
    IdempotencyConflict.
    """
    if earlier := _find_run_for_key(request.key, request.mode):
        return earlier
    plan = plans.get_plan(plan_id)
    groups = find_groups(plan.group_ids)
    if gone := [group_id for group_id in plan.group_ids if group_id not in groups]:
        problem = {"field": "planId", "message": f"the plan references deleted protection groups: {', '.join(gone)}"}
        raise InvalidRequest("The plan cannot be run.", [problem])
    return _record_and_start(plan, list(groups.values()), request)


def continue_run(
    execution_id: str,
    by: str,
    key: RequestKey | None = None,
    *,
    replace_existing: bool = False,
    profiles: ProfileOption | None = None,
    reserves_capacity: bool | None = None,
) -> Run:
    """Start a run that recovers what the chain of this one has not launched, with the same plan and groups.

    A run is continued once. The new run has its mode, point in time and options, unless others are given, but not its
    consent to replace live instances: that has to be given again. Raise ExecutionNotFound, NothingToContinue,
    AlreadyContinued, CleanupRunning, and what `start_run` raises.
    """
    chain = chains.read_chain(execution_id)
    if earlier := _find_run_for_key(key, Mode.of_run(execution_id)):
        return earlier
    run = next(each for each in chain.runs if each.execution_id == execution_id)
    if not run.status.is_final and abandoned.end_if_abandoned(run):
        run = executions.get_requested_run(execution_id)
    _require_continuable(run, chain)
    _require_no_cleanup(chain)
    groups = list(run_requests.get_groups(execution_id).values())
    request = RunRequest(
        run.mode,
        by,
        run.point_in_time,
        key,
        replace_existing,
        run.requesters,
        run.actions,
        profiles or run.profiles,
        run.reserves_capacity if reserves_capacity is None else reserves_capacity,
    )
    conditions = [cleanups.require_none_running(chain.first.execution_id)]
    try:
        return _record_and_start(run_requests.get_plan(execution_id), groups, request, execution_id, conditions)
    except (PlanAlreadyRunning, ContinuationRefused) as error:  # another request may have been first
        chain = chains.read_chain(execution_id)
        _require_last(execution_id, chain)
        _require_no_cleanup(chain)
        if isinstance(error, PlanAlreadyRunning):
            raise
        raise AwsUnavailable(f"{execution_id} is being changed by other requests; try again") from error


def _require_continuable(run: Run, chain: Chain) -> None:
    """Raise NothingToContinue, AlreadyContinued."""
    execution_id = run.execution_id
    if run.mode is Mode.READINESS:
        raise NothingToContinue(f"{execution_id} is a readiness run; it launched nothing", executionId=execution_id)
    _require_last(execution_id, chain)
    if run.cancelled_by and not run.status.is_final:
        why = polling.describe_cancelling(run, batches.list_batches(execution_id))
        raise NothingToContinue(why, advice=polling.WHILE_CANCELLING, executionId=execution_id)
    if not run.status.is_final or run.status is ExecutionStatus.COMPLETED:
        raise NothingToContinue(f"{execution_id} is {run.status.value}", executionId=execution_id)
    if run.continues and chain.first is run:
        raise NothingToContinue(f"{execution_id} launched nothing; continue {run.continues}", executionId=run.continues)
    if len(chain.runs) >= MAX_CHAIN_LENGTH:
        message = f"{execution_id} is run {len(chain.runs)} of its chain, and a chain has no more; start a new run"
        raise NothingToContinue(message, executionId=execution_id)


def _require_last(execution_id: str, chain: Chain) -> None:
    """Raise AlreadyContinued unless the run is the last of its chain."""
    last = chain.last
    if last.execution_id == execution_id:
        return
    if not last.status.is_final and abandoned.end_if_abandoned(last):
        last = executions.get_run(last.execution_id)
    after = chain.runs[chain.execution_ids.index(execution_id) + 1].execution_id
    through = "" if after == last.execution_id else f", and the last run of the chain is {last.execution_id}"
    what_next = {True: f"continue {last.execution_id} instead", False: f"{last.execution_id} is {last.status.value}"}
    has_rest = last.status.is_final and last.status is not ExecutionStatus.COMPLETED
    raise AlreadyContinued(
        f"{execution_id} was continued by {after}{through}; {what_next[has_rest]}", executionId=last.execution_id
    )


def _require_no_cleanup(chain: Chain) -> None:
    """Raise CleanupRunning while the instances of the chain are being terminated; close a clean-up that died."""
    first = chain.first.execution_id
    row = cleanups.get_cleanup(first)
    if row is None or row["status"] != CleanupStatus.RUNNING:
        return
    status = step_functions.get_status(step_functions.clean_up_drill_arn(), row["machine"])
    is_starting = status is None and clock.now() - clock.parse_iso(row["askedAt"]) < abandoned.START_GRACE_SECONDS
    if is_starting or status in step_functions.RUNNING_STATUSES:
        raise CleanupRunning(f"{row['machine']} terminates the instances of {first}", cleanup=row["machine"])
    cleanups.close_abandoned(first, row["machine"])


def _find_run_for_key(key: RequestKey | None, mode: Mode) -> Run | None:
    """The run that an earlier request with this key recorded, or None. Start its state machine if it never ran."""
    execution_id = idempotency_keys.find_execution(key) if key else None
    if execution_id is None:
        return None
    _require_mode(execution_id, mode)
    try:
        run = executions.get_run(execution_id)
    except ExecutionNotFound:  # the earlier request claimed the key and was interrupted or refused
        return None
    return _start_state_machine(run, key)


def _require_mode(execution_id: str, mode: Mode) -> str:
    """Return the id that a key stands for. Raise IdempotencyConflict if a run with it would be of another mode.

    Many functions can write the row of a key, and the id alone says what the run does.
    """
    if execution_id.partition("-")[0] != mode.value.lower():
        message = f"this Idempotency-Key stands for {execution_id}, which is not of mode {mode.value}"
        raise IdempotencyConflict(message, executionId=execution_id)
    return execution_id


def _record_and_start(
    plan: RecoveryPlan,
    groups: list[ProtectionGroup],
    request: RunRequest,
    continues: str | None = None,
    conditions: Sequence[dict[str, Any]] = (),
) -> Run:
    execution_id = _new_execution_id(request.mode)
    if request.key:
        execution_id = _require_mode(idempotency_keys.claim_key(request.key, execution_id), request.mode)
    run = Run(
        execution_id=execution_id,
        plan_id=plan.plan_id,
        plan_name=plan.name,
        mode=request.mode,
        status=ExecutionStatus.PENDING,
        requested_at=clock.iso(),
        requested_by=request.by,
        point_in_time=request.point_in_time,
        continues=continues,
        replace_existing=request.replace_existing,
        actions=request.actions,
        profiles=request.profiles,
        reserves_capacity=request.reserves_capacity,
        four_eyes=plan.four_eyes,
        comments_required=plan.comments_required,
        earlier_requesters=request.earlier,
    )
    parts = [*conditions, evidence_rows.due_action(run.execution_id)]
    if not _create_record(Execution(run, plan), groups, parts):
        run = executions.get_run(run.execution_id)
    return _start_state_machine(run, request.key)


def _start_state_machine(run: Run, key: RequestKey | None) -> Run:
    """Start the state machine of a recorded run, unless it has run already. Raise StartFailed."""
    if run.status.is_final or run.started_at:
        return run
    try:  # if the name is taken, this request (its answer was lost) or another one with the key started the machine
        step_functions.start_once(
            step_functions.recover_plan_arn(), run.execution_id, {"executionId": run.execution_id}
        )
    except AwsUnavailable as error:
        # The run may have started, so its record stays. If it has not, the next start of the plan closes it.
        raise StartFailed(f"Step Functions did not answer; see whether execution {run.execution_id} runs") from error
    except ClientError as error:
        _end_unstarted(run, f"the state machine could not be started: {error}")
        if key:  # the next request with this key starts another run
            idempotency_keys.release_key(key, run.execution_id)
        raise StartFailed(f"the state machine could not be started: {error}") from error
    return run


def _create_record(execution: Execution, groups: list[ProtectionGroup], parts: Sequence[dict[str, Any]]) -> bool:
    """Write the record; return False when it exists. Release a lock whose run is over, and try again."""
    for _ in range(MAX_LOCK_ATTEMPTS):
        try:
            return executions.create_execution(execution, groups, parts)
        except PlanAlreadyRunning as running:
            holder = running.facts["executionId"]
            if not abandoned.release_plan_if_over(execution.run.plan_id, holder):
                raise _explain_running(holder, running) from running
    raise AwsUnavailable(f"plan {execution.run.plan_name!r} is being started and ended by other requests; try again")


def _explain_running(execution_id: str, refusal: PlanAlreadyRunning) -> PlanAlreadyRunning:
    """The refusal, with what the run that has the plan's lock waits for if it was cancelled already."""
    run = executions.get_run(execution_id)
    if not run.cancelled_by:
        return refusal
    why = polling.describe_cancelling(run, batches.list_batches(execution_id))
    return PlanAlreadyRunning(f"{refusal.message}: {why}", advice=polling.WHILE_CANCELLING, executionId=execution_id)


def _new_execution_id(mode: Mode) -> str:
    """`drill-20261122-081530-4f1c09`: sorts by time, shows its mode, and is a legal execution name."""
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.now()))
    return f"{mode.value.lower()}-{moment}-{secrets.token_hex(3)}"


def _end_unstarted(run: Run, reason: str) -> None:
    has_ended = executions.record_failed_start(run, reason)
    if not has_ended and executions.get_run(run.execution_id).status.is_final:  # another request has ended it
        executions.release_plan(run.plan_id, run.execution_id)
