"""How the execution of a recovery plan goes on: one step after the other, each server step one job.

That a failed step fails its execution, which a retry or a skip then takes up again, is documented; so is the limit
of 24 hours. That a job's failed OPTIONAL servers do not fail the step follows from the name; that a step whose job
cannot start fails at once, and that a cancelled execution waits for the job that runs, are assumptions.
"""

from drs_emulator.errors import ServiceError
from drs_emulator.records.job import Job, LaunchStatus, Participant
from drs_emulator.records.recovery_plan import ExecutionStep, PlanExecution
from drs_emulator.simulation.job_lifecycle import HAPPENINGS, JOB_ENDED, start_job
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

LASTS_AT_MOST = 24 * 3600
BEGIN, WAITED, TIMED_OUT = "PLAN_BEGIN", "PLAN_WAITED", "PLAN_TIMED_OUT"


def schedule_start(world: World, target: Target, execution: PlanExecution) -> None:
    world.schedule(execution.started_at, Event(target.key, execution.arn, BEGIN))
    world.schedule(execution.started_at + LASTS_AT_MOST, Event(target.key, execution.arn, TIMED_OUT))


def go_on(world: World, target: Target, execution: PlanExecution, at: float) -> None:
    """Starts the next step that has not started, or ends the execution."""
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
    by = "START_DRILL" if execution.mode == "DRILL" else "START_RECOVERY"
    try:
        job = start_job(world, target, "LAUNCH", by, _participants(target, execution, step, at), {}, at)
    except ServiceError as error:
        _fail(execution, step, error.code, error.message, at)
        return
    job.execution_id = execution.arn
    arns = {target.key.arn("source-server", server_id) for server_id in job.participants}
    step.job_ids |= {server["serverArn"]: job.id for server in step.servers if server["serverArn"] in arns}


def cancel(execution: PlanExecution, at: float) -> None:
    """What has not started is skipped, a wait ends at once, a job cannot be stopped and is waited for."""
    execution.status = "CANCELLING"
    for step in execution.steps:
        if step.status in ("NOT_STARTED", "WAITING"):
            step.end("SKIPPED", at)
    if not any(step.status == "EXECUTING" for step in execution.steps):
        _end(execution, "CANCELLED", at)


def _participants(target: Target, execution: PlanExecution, step: ExecutionStep, at: float) -> list[Participant]:
    """Raises ResourceNotFound. Of a step that is retried, those that were launched are left alone."""
    chosen = []
    for server in step.servers:
        server_id = server["serverArn"].rsplit("/", 1)[1]
        record = target.server(server_id)
        if step.attempt > 1 and _launched(target, step, server["serverArn"]):
            continue
        snapshot_id = execution.snapshots.get(server_id, "")
        point = record.recovery_points(at).get(snapshot_id, 0)
        chosen.append(Participant(server_id, snapshot_id=snapshot_id if point else "", point_in_time=point))
    return chosen


def _launched(target: Target, step: ExecutionStep, server_arn: str) -> bool:
    job = target.jobs.get(step.job_ids.get(server_arn, ""))
    server_id = server_arn.rsplit("/", 1)[1]
    return job is not None and job.participants[server_id].status is LaunchStatus.LAUNCHED


def _begin(world: World, target: Target, event: Event, due: float) -> None:
    execution = target.executions.get(event.subject)
    if execution and execution.status == "CREATED":
        go_on(world, target, execution, due)


def _waited(world: World, target: Target, event: Event, due: float) -> None:
    execution = target.executions.get(event.subject)
    for step in execution.steps if execution else ():
        if execution and step.arn == event.detail and step.status == "WAITING":
            step.end("COMPLETED", due)
            go_on(world, target, execution, due)


def _timed_out(world: World, target: Target, event: Event, due: float) -> None:
    """The job that runs goes on; nobody waits for it any more."""
    execution = target.executions.get(event.subject)
    if execution is None or not execution.open:
        return
    error = ("ExecutionTimedOut", "The execution has not ended within 24 hours")
    for step in execution.steps:
        if step.status in ("EXECUTING", "WAITING"):
            step.end("TIMED_OUT", due, error)
    execution.error = error
    _end(execution, "FAILED", due)


def _job_ended(world: World, target: Target, job: Job, at: float) -> None:
    execution = target.executions.get(job.execution_id)
    if execution is None or not execution.open:
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
            go_on(world, target, execution, at)


def _fail(execution: PlanExecution, step: ExecutionStep, code: str, message: str, at: float) -> None:
    step.end("FAILED", at, (code, message))
    if execution.status == "CANCELLING":
        _end(execution, "CANCELLED", at)
    else:
        execution.error = (code, f"Step {step.name}: {message}")
        _end(execution, "FAILED", at)


def _end(execution: PlanExecution, status: str, at: float) -> None:
    execution.status, execution.completed_at = status, at


HAPPENINGS.update({BEGIN: _begin, WAITED: _waited, TIMED_OUT: _timed_out})
JOB_ENDED.append(_job_ended)
