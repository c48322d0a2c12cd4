"""Drills, recoveries, readiness, the record of each run, and what operators decide of it."""

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api import views
from api.http import response
from api.http.request import (
    caller,
    idempotency_key,
    invalid_field,
    json_body,
    page_parameters,
    parse_offset,
    plan_id_filter,
    query_parameters,
    require_id,
)
from api.schemas import requests
from api.schemas.requests import DecisionRequest, StartRequest
from recovery import clock
from recovery.aws import step_functions
from recovery.domain.execution import ExecutionStatus, Mode, Run
from recovery.errors import ExecutionNotFound, PlanNotFound, WaveNotFound
from recovery.runs import decisions, job_log, start
from recovery.runs.decisions import Operator
from recovery.runs.start import RunRequest
from recovery.store import execution_record, executions
from recovery.store.idempotency_keys import RequestKey

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


# --- starts -----------------------------------------------------------------------------------------------------
@router.post("/recovery-plans/<plan_id>/readiness")
def start_readiness(plan_id: str) -> Response[str]:
    """202 with an execution that only looks: what would a run do, and what is against it?"""
    return _start(plan_id, Mode.READINESS)


@router.post("/recovery-plans/<plan_id>/drills")
def start_drill(plan_id: str) -> Response[str]:
    """202 with the execution; 409 naming the run when the plan is running already."""
    return _start(plan_id, Mode.DRILL)


@router.post("/recovery-plans/<plan_id>/recoveries")
def start_recovery(plan_id: str) -> Response[str]:
    """202 with the execution. A path of its own, so that IAM can allow drills without recoveries."""
    return _start(plan_id, Mode.RECOVERY)


def _start(plan_id: str, mode: Mode) -> Response[str]:
    wanted = requests.parse(StartRequest, json_body(router.current_event, may_be_empty=True))
    plan_id = require_id(plan_id, PlanNotFound, "recovery plan")
    moment = clock.iso(wanted.point_in_time.timestamp()) if wanted.point_in_time else None
    request = RunRequest(mode, caller(router.current_event), moment, _key(f"{plan_id}/{mode.value}", wanted))
    return _accepted(start.start_run(plan_id, request))


@router.post("/executions/<execution_id>/continue")
def continue_execution(execution_id: str) -> Response[str]:
    """202 with a new execution that recovers what this one did not launch; 409 when there is nothing left to do."""
    wanted = requests.parse(DecisionRequest, json_body(router.current_event, may_be_empty=True))
    key = _key(f"{execution_id}/continue", wanted)
    return _accepted(start.continue_run(_known(execution_id), caller(router.current_event), key))


def _key(place: str, wanted: StartRequest | DecisionRequest) -> RequestKey | None:
    """What the header Idempotency-Key stands for: the caller's own, in one place, with one body."""
    key, event = idempotency_key(router.current_event), router.current_event
    return RequestKey(caller(event), place, key, wanted.model_dump_json()) if key else None


def _accepted(run: Run) -> Response[str]:
    return response.created(f"/executions/{run.execution_id}", views.execution(run.to_item()), status=202)


# --- the record -------------------------------------------------------------------------------------------------
@router.get("/executions")
def list_executions() -> dict[str, Any]:
    """A page of runs, newest first; `planId` or `status` narrows them down."""
    status, plan_id = query_parameters(router.current_event).get("status"), plan_id_filter(router.current_event)
    if status and status not in ExecutionStatus.__members__:
        raise invalid_field("status", f"must be one of {', '.join(ExecutionStatus)}")
    if status and plan_id:
        raise invalid_field("planId", "give either planId or status")
    limit, token = page_parameters(router.current_event)
    page = executions.list_executions(limit, token, plan_id, status)
    return {"executions": [views.execution(item) for item in page.items], "nextToken": page.next_token}


@router.get("/executions/<execution_id>")
def read_execution(execution_id: str) -> dict[str, Any]:
    """The run with its waves and batches, read from the record alone."""
    return _shown(_known(execution_id))


def _shown(execution_id: str) -> dict[str, Any]:
    return views.execution_detail(
        execution_record.read_record(execution_id),
        step_functions.execution_arn(step_functions.recover_plan_arn(), execution_id),
    )


@router.get("/executions/<execution_id>/servers")
def read_servers(execution_id: str) -> dict[str, Any]:
    """A page of the run's servers, of all waves or of `wave`."""
    wave = query_parameters(router.current_event).get("wave")
    if wave is not None:
        wave = require_id(wave, WaveNotFound, "wave")
    limit, token = page_parameters(router.current_event)
    record, page = execution_record.read_servers(_known(execution_id), wave, limit, token)
    return {"servers": [views.server(row, record) for row in page.items], "nextToken": page.next_token}


@router.get("/executions/<execution_id>/events")
def read_events(execution_id: str) -> dict[str, Any]:
    """A page of what happened in the run, oldest first: starts, decisions, jobs, verdicts."""
    limit, token = page_parameters(router.current_event)
    events = views.list_events(execution_record.read_record(_known(execution_id)))
    begin = parse_offset(token)
    end = begin + limit
    return {"events": events[begin:end], "nextToken": str(end) if end < len(events) else None}


@router.get("/executions/<execution_id>/job-log")
def read_job_log(execution_id: str) -> dict[str, Any]:
    """A page of what DRS wrote of one of the run's jobs, `jobId`. The one read that asks DRS."""
    job_id = query_parameters(router.current_event).get("jobId")
    if not job_id:
        raise invalid_field("jobId", "name a job of the run; its batches list them")
    limit, token = page_parameters(router.current_event)
    items, next_token = job_log.read_job_log(_known(execution_id), job_id, limit, token)
    return {"jobLog": items, "nextToken": next_token}


# --- decisions --------------------------------------------------------------------------------------------------
@router.post("/executions/<execution_id>/pause")
def pause(execution_id: str) -> dict[str, Any]:
    """Hold the run at the next wave or batch; 409 when it is paused or over."""
    decisions.pause(_known(execution_id), _operator())
    return _shown(execution_id)


@router.post("/executions/<execution_id>/resume")
def resume(execution_id: str) -> dict[str, Any]:
    """Let go what a pause, or a wave's pauseBefore, holds; 409 when nothing is held."""
    decisions.resume(_known(execution_id), _operator())
    return _shown(execution_id)


@router.post("/executions/<execution_id>/cancel")
def cancel(execution_id: str) -> dict[str, Any]:
    """Start nothing more, follow what runs to its end; 409 when the run is over or being cancelled."""
    decisions.cancel(_known(execution_id), _operator())
    return _shown(execution_id)


@router.post("/executions/<execution_id>/waves/<wave>/approve")
def approve(execution_id: str, wave: str) -> dict[str, Any]:
    """Let a wave go that waits for approval; 409 when it does not."""
    return _decide(execution_id, wave, "approve")


@router.post("/executions/<execution_id>/waves/<wave>/reject")
def reject(execution_id: str, wave: str) -> dict[str, Any]:
    """Skip a wave that waits for approval; 409 when it does not."""
    return _decide(execution_id, wave, "reject")


@router.post("/executions/<execution_id>/waves/<wave>/retry")
def retry(execution_id: str, wave: str) -> dict[str, Any]:
    """Try the failed servers of a wave that asks once more; 409 when it does not ask."""
    return _decide(execution_id, wave, "retry")


@router.post("/executions/<execution_id>/waves/<wave>/accept")
def accept(execution_id: str, wave: str) -> dict[str, Any]:
    """Take a wave that failed and asks as good enough; 409 when it does not ask."""
    return _decide(execution_id, wave, "accept")


@router.post("/executions/<execution_id>/waves/<wave>/abort")
def abort(execution_id: str, wave: str) -> dict[str, Any]:
    """Give up a wave that failed and asks, and stop the run; 409 when it does not ask."""
    return _decide(execution_id, wave, "abort")


def _decide(execution_id: str, wave: str, what: str) -> dict[str, Any]:
    decisions.decide_wave(_known(execution_id), require_id(wave, WaveNotFound, "wave"), what, _operator())
    return _shown(execution_id)


def _known(execution_id: str) -> str:
    return require_id(execution_id, ExecutionNotFound, "execution")


def _operator() -> Operator:
    wanted = requests.parse(DecisionRequest, json_body(router.current_event, may_be_empty=True))
    return Operator(caller(router.current_event), wanted.comment)
