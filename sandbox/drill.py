"""Run a drill in the sandbox to its end, and measure it."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox import deployment
from sandbox.settings import SandboxError
from sandbox.stack import Sandbox

# Simulated seconds between reads of the record, but at least MIN_POLL_SECONDS and at most MAX_POLL_SECONDS of real
# time: each read takes processor time from the run.
POLL_SIMULATED_SECONDS = 60
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 1.0, 2.0
UNFINISHED = ("PENDING", "POLLING", "PAUSED")

Show = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Drill:
    """A finished run: its record as the API returns it, and its figures."""

    record: Mapping[str, Any]
    figures: Mapping[str, Any]

    @property
    def succeeded(self) -> bool:
        """Return whether every server was launched."""
        return bool(self.record["status"] == "COMPLETED")


def run(sandbox: Sandbox, plan_id: str, show: Show, mode: str = "drills") -> Drill:
    """Start the plan through the API, show the record each time it is read, and measure the run once it has ended."""
    deployment.await_functions(sandbox.client("lambda"))
    before = Counter(count_drs_calls(sandbox))
    reply = sandbox.request("POST", f"/recovery-plans/{plan_id}/{mode}")
    if reply.status != 202:
        raise SandboxError(f"the drill was refused with {reply.status}: {reply.body}")
    record = watch(sandbox, reply.body["executionId"], show)
    calls = Counter(count_drs_calls(sandbox))
    calls.subtract(before)
    return Drill(record, measure(sandbox, record, {name: count for name, count in calls.items() if count}))


def watch(sandbox: Sandbox, execution_id: str, show: Show) -> Mapping[str, Any]:
    """Read the record until its status is final."""
    pause = min(max(POLL_SIMULATED_SECONDS / sandbox.speed, MIN_POLL_SECONDS), MAX_POLL_SECONDS)
    while True:
        reply = sandbox.request("GET", f"/executions/{execution_id}")
        if reply.status != 200:
            raise SandboxError(f"GET /executions/{execution_id} answered {reply.status}: {reply.body}")
        show(reply.body)
        if reply.body["status"] not in UNFINISHED:
            record: Mapping[str, Any] = reply.body
            return record
        sandbox.require_alive()
        time.sleep(pause)


def list_servers(sandbox: Sandbox, execution_id: str) -> list[dict[str, Any]]:
    """Every server of a run, page by page."""
    found, more = list[dict[str, Any]](), ""
    while True:
        reply = sandbox.request("GET", f"/executions/{execution_id}/servers?limit=1000{more}")
        if reply.status != 200:
            raise SandboxError(f"GET /executions/{execution_id}/servers answered {reply.status}: {reply.body}")
        found += reply.body["servers"]
        if reply.body["nextToken"] is None:
            return found
        more = f"&nextToken={reply.body['nextToken']}"


def measure(sandbox: Sandbox, record: Mapping[str, Any], drs_calls: Mapping[str, int]) -> dict[str, Any]:
    """The figures of a run; seconds are simulated.

    `idealSeconds` is the time that DRS alone needs: the sum, along the critical path of waves, of each wave's longest
    job.
    """
    jobs = _job_seconds(sandbox, record)
    makespan = _seconds(record["endedAt"]) - _seconds(record["requestedAt"])
    executions = list_machine_executions(sandbox, record)
    ideal = _longest_chain(record["waves"], jobs)
    return {
        "executionId": record["executionId"],
        "mode": record["mode"],
        "status": record["status"],
        "timeScale": sandbox.speed,
        "servers": {name: record["servers"][name] for name in ("total", "launched", "failed", "excluded")},
        "waves": [
            {name: wave[name] for name in ("name", "status", "startedAt", "endedAt", "servers")}
            for wave in record["waves"]
        ],
        "makespanSeconds": round(makespan, 1),
        "idealSeconds": round(ideal, 1),
        "overheadRatio": round(makespan / ideal, 4) if ideal else None,
        "drsCalls": dict(sorted(drs_calls.items())),
        "stateTransitions": sum(count_transitions(sandbox, arn) for arn in executions),
        "lambdaInvocations": sum(count_invocations(sandbox, arn) for arn in executions),
    }


def mark_demonstration(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a drill with faults and people in it, without those that compare it with DRS's own time."""
    return {**figures, "demonstration": True, "idealSeconds": None, "overheadRatio": None}


def write_figures(figures: Mapping[str, Any], path: Path) -> None:
    """Write the figures as JSON, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(figures, indent=2) + "\n")
    draft.replace(path)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def list_drs_outcomes(sandbox: Sandbox) -> dict[str, dict[str, int]]:
    """The outcomes of calls of DRS so far, by operation; the emulator also counts what it plays or passes on."""
    operations = sandbox.control_emulator("GET", "/calls")["operations"]
    known = set(sandbox.client("drs").meta.service_model.operation_names)
    return {name: outcomes for name, outcomes in operations.items() if name in known}


def count_drs_calls(sandbox: Sandbox) -> dict[str, int]:
    """The calls of DRS so far, by operation."""
    return {name: sum(outcomes.values()) for name, outcomes in list_drs_outcomes(sandbox).items()}


def _job_seconds(sandbox: Sandbox, record: Mapping[str, Any]) -> dict[str, float]:
    """The longest job of each wave."""
    longest: dict[str, float] = {}
    for batch in record["batches"]:
        if not batch["jobId"]:
            continue
        drs = sandbox.client("drs", account=batch["accountId"], region=batch["region"])
        job = drs.describe_jobs(filters={"jobIDs": [batch["jobId"]]})["items"][0]
        seconds = _seconds(job["endDateTime"]) - _seconds(job["creationDateTime"])
        longest[batch["wave"]] = max(longest.get(batch["wave"], 0), seconds)
    return longest


def _longest_chain(waves: list[Mapping[str, Any]], jobs: Mapping[str, float]) -> float:
    ends: dict[str, float] = {}
    for wave in waves:  # in plan order, so predecessors come first
        ready = max((ends[name] for name in wave["dependsOn"]), default=0.0)
        ends[wave["name"]] = ready + jobs.get(wave["name"], 0.0)
    return max(ends.values(), default=0.0)


def list_machine_executions(sandbox: Sandbox, record: Mapping[str, Any]) -> list[str]:
    """ARNs of the run's recover-plan execution and of those that it started."""
    arns = []
    for machine in ("RecoverPlan", "RecoverTarget", "VerifyTarget", "RunActions"):
        pages = sandbox.client("stepfunctions").get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=sandbox.resources[f"{machine}Machine"]):
            names = ((execution["name"], execution["executionArn"]) for execution in page["executions"])
            arns += [arn for name, arn in names if name.split("_")[0] == record["executionId"]]
    return arns


def count_transitions(sandbox: Sandbox, execution_arn: str) -> int:
    """How many states the execution entered. Step Functions bills these, and retries as well."""
    return sum(event["type"].endswith("StateEntered") for event in _history(sandbox, execution_arn))


def count_invocations(sandbox: Sandbox, execution_arn: str) -> int:
    """How many functions the execution called, retries included."""
    tasks = (event.get("taskScheduledEventDetails", {}) for event in _history(sandbox, execution_arn))
    return sum(task.get("resourceType") == "lambda" for task in tasks)


def _history(sandbox: Sandbox, execution_arn: str) -> Iterator[dict[str, Any]]:
    pages = sandbox.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    return (event for page in pages for event in page["events"])
