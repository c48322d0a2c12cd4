"""Executes recovery plans: one step after another, with one job per server step.

AWS documents that a failed step fails its execution, that a retry or a skip resumes it, the limit of 24 hours, and
that an execution that reached it cannot be resumed. The model has TIMED_OUT for steps only, so such an execution is
FAILED. By its name, a failed OPTIONAL server does not fail the step. Two things are assumptions: a step fails
immediately if its job cannot start, and a cancelled execution waits for its running job.
"""

from drs_emulator.errors import ServiceError
from drs_emulator.records.job import Job, LaunchStatus, Participant
from drs_emulator.records.recovery_plan import ExecutionStep, PlanExecution
from drs_emulator.simulation.job_lifecycle import EVENT_HANDLERS, JOB_END_LISTENERS, start_job
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

MAX_EXECUTION_SECONDS = 24 * 3600
BEGIN, WAITED, TIMED_OUT = "PLAN_BEGIN", "PLAN_WAITED", "PLAN_TIMED_OUT"


def schedule_start(world: World, target: Target, execution: PlanExecution) -> None:
    world.schedule(execution.started_at, Event(target.key, execution.arn, BEGIN))
    world.schedule(execution.started_at + MAX_EXECUTION_SECONDS, Event(target.key, execution.arn, TIMED_OUT))


def run_next_step(world: World, target: Target, execution: PlanExecution, at: float) -> None:
    """Start the next step, or end the execution after the last one."""
    step = next((step for step in execution.steps if step.status == "NOT_STARTED"), None)
    if step is None:
        _end(execution, "COMPLETED", at)
        return
    execution.status, execution.error, execution.completed_at = "IN_PROGRESS", None, None
    run_step(world, target, execution, step, at)


def run_step(world: World, target: Target, execution: PlanExecution, step: ExecutionStep, at: float) -> None:
    step.updated_at, step.error = at, None
    if step.wait_minutes is not None:
        step.status = "WAITING"
        world.schedule(at + step.wait_minutes * 60, Event(target.key, execution.arn, WAITED, detail=step.arn))
        return
    step.status = "EXECUTING"
    initiated_by = "START_DRILL" if execution.mode == "DRILL" else "START_RECOVERY"
    try:
        participants = _build_participants(target, execution, step, at)
        job = start_job(world, target, "LAUNCH", initiated_by, participants, {}, at, execution.arn)
    except ServiceError as error:
        _fail(execution, step, error.code, error.message, at)
        return
    arns = {target.key.arn("source-server", server_id) for server_id in job.participants}
    step.job_ids |= {server["serverArn"]: job.id for server in step.servers if server["serverArn"] in arns}


def cancel(execution: PlanExecution, at: float) -> None:
    """Skip the steps that have not started and end a wait. A running job cannot be stopped, so wait for it."""
    execution.status = "CANCELLING"
    for step in execution.steps:
        if step.status in ("NOT_STARTED", "WAITING"):
            step.end("SKIPPED", at)
    if not any(step.status == "EXECUTING" for step in execution.steps):
        _end(execution, "CANCELLED", at)


def _build_participants(target: Target, execution: PlanExecution, step: ExecutionStep, at: float) -> list[Participant]:
    """Return the servers of a step; a retry leaves out those that are launched. Raise ResourceNotFound."""
    participants = []
    for server in step.servers:
        server_id = server["serverArn"].rsplit("/", 1)[1]
        record = target.server(server_id)
        if step.attempt > 1 and _is_launched(target, step, server["serverArn"]):
            continue
        snapshot_id = execution.snapshots.get(server_id, "")
        point = record.recovery_points(at).get(snapshot_id, 0)
        participants.append(Participant(server_id, snapshot_id=snapshot_id if point else "", point_in_time=point))
    return participants


def _is_launched(target: Target, step: ExecutionStep, server_arn: str) -> bool:
    job = target.jobs.get(step.job_ids.get(server_arn, ""))
    server_id = server_arn.rsplit("/", 1)[1]
    return job is not None and job.participants[server_id].status is LaunchStatus.LAUNCHED


def _handle_begin(world: World, target: Target, event: Event, due: float) -> None:
    execution = target.executions.get(event.subject)
    if execution and execution.status == "CREATED":
        run_next_step(world, target, execution, due)


def _handle_wait_end(world: World, target: Target, event: Event, due: float) -> None:
    execution = target.executions.get(event.subject)
    for step in execution.steps if execution else ():
        if execution and step.arn == event.detail and step.status == "WAITING":
            step.end("COMPLETED", due)
            run_next_step(world, target, execution, due)


def _handle_timeout(world: World, target: Target, event: Event, due: float) -> None:
    """Fail the execution. Its running job continues."""
    execution = target.executions.get(event.subject)
    if execution is None or not execution.is_open:
        return
    error = ("ExecutionTimedOut", "The execution has not ended within 24 hours")
    for step in execution.steps:
        if step.status in ("EXECUTING", "WAITING"):
            step.end("TIMED_OUT", due, error)
    execution.error = error
    _end(execution, "FAILED", due)


def _handle_job_end(world: World, target: Target, job: Job, at: float) -> None:
    execution = target.executions.get(job.execution_arn)
    if execution is None or not execution.is_open:
        return
    step = next((s for s in execution.steps if s.status == "EXECUTING" and job.id in s.job_ids.values()), None)
    if step is None:
        return
    critical = [s["serverArn"] for s in step.servers if s.get("impactLevel", "CRITICAL") == "CRITICAL"]
    failed = [
        p.server_id
        for p in job.participants.values()
        if p.status is not LaunchStatus.LAUNCHED and target.key.arn("source-server", p.server_id) in critical
    ]
    if failed:
        text = f"{len(failed)} critical servers were not launched: {', '.join(failed[:5])}"
        _fail(execution, step, "CriticalServerFailed", text, at)
    else:
        step.end("COMPLETED", at)
        if execution.status == "CANCELLING":
            _end(execution, "CANCELLED", at)
        else:
            run_next_step(world, target, execution, at)


def _fail(execution: PlanExecution, step: ExecutionStep, code: str, message: str, at: float) -> None:
    step.end("FAILED", at, (code, message))
    if execution.status == "CANCELLING":
        _end(execution, "CANCELLED", at)
    else:
        execution.error = (code, f"Step {step.name}: {message}")
        _end(execution, "FAILED", at)


def _end(execution: PlanExecution, status: str, at: float) -> None:
    execution.status, execution.completed_at = status, at


EVENT_HANDLERS.update({BEGIN: _handle_begin, WAITED: _handle_wait_end, TIMED_OUT: _handle_timeout})
JOB_END_LISTENERS.append(_handle_job_end)
