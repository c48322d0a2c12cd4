"""Compares a run of more servers than DRS's quotas allow at once in one account and Region with the ideal makespan.

    python -m bench.saturation [--servers 1200] [--plans 1] [--speed 20]

Writes build/bench/saturation.json (saturation-N.json for N plans at once). The ideal is a list schedule of the jobs
that were run, by the durations the emulator gave them, on nothing but the quota of 500 servers in jobs.
"""

import argparse
import heapq
import json
import sys
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox import deployment, drill, seeding
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
RATE_LIMIT = 10  # calls a second and operation, as the emulator enforces it
SERVERS_IN_JOBS = 500  # DRS's quota L-05AFA8C6


def main() -> int:
    options = _options()
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=options.speed, on_progress=print) as sandbox:
        limits = {"default": {"perSecond": RATE_LIMIT, "burst": 2 * RATE_LIMIT}}
        sandbox.control_emulator("PUT", "/settings", {"rateLimits": limits})
        seeding.register_accounts(sandbox)
        plans = [_plan(sandbox, number, options.servers) for number in range(options.plans)]
        records = _run_all(sandbox, plans)
        figures = _figures(sandbox, records, options.speed)
    name = "saturation.json" if options.plans == 1 else f"saturation-{options.plans}.json"
    drill.write_figures(figures, ROOT / "build" / "bench" / name)
    print(json.dumps(figures, indent=2))
    return 0 if all(record["status"] == "COMPLETED" for record in records) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=1_200, help="source servers of each plan")
    parser.add_argument("--plans", type=int, default=1, help="plans that run at once")
    parser.add_argument("--speed", type=float, default=20, help="simulated seconds to a real one")
    parser.add_argument("--port", type=int, default=4570, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _plan(sandbox: Sandbox, number: int, servers: int) -> str:
    tags = {"fleet": f"fleet-{number}"}
    body = [{"hostname": f"fleet{number}-{each:04}", "tags": tags} for each in range(servers)]
    seeded = {"accountId": HUB_ACCOUNT, "region": REGION, "servers": body}
    sandbox.control_emulator("POST", "/source-servers", seeded)
    group = {"name": tags["fleet"], "accountId": HUB_ACCOUNT, "region": REGION, "tags": tags}
    group_id = sandbox.request("POST", "/protection-groups", group).body["groupId"]
    wave = {"name": "all", "groups": [{"groupId": group_id}]}
    plan = sandbox.request("POST", "/recovery-plans", {"name": tags["fleet"], "waves": [wave]})
    return str(plan.body["planId"])


def _run_all(sandbox: Sandbox, plans: list[str]) -> list[dict[str, Any]]:
    ids = [sandbox.request("POST", f"/recovery-plans/{plan}/drills").body["executionId"] for plan in plans]
    records: dict[str, Any] = {}
    deployment.await_functions(sandbox.client("lambda"))
    threads = [threading.Thread(target=follow, args=(sandbox, execution_id, records)) for execution_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [records[execution_id] for execution_id in ids]


def follow(sandbox: Sandbox, execution_id: str, records: dict[str, Any]) -> None:
    """Wait for the end of the run's state machine, and add the run's record to `records`."""
    states = sandbox.client("stepfunctions")
    arn = sandbox.outputs["RecoverPlanArn"].replace(":stateMachine:", ":execution:") + f":{execution_id}"
    while states.describe_execution(executionArn=arn)["status"] == "RUNNING":  # lighter than reading 1,200 servers
        sandbox.require_alive()
        time.sleep(2)
    reply = sandbox.request("GET", f"/executions/{execution_id}")
    print(f"{execution_id}: {reply.body['status']} {reply.body['reason']}", file=sys.stderr)
    records[execution_id] = reply.body


def _figures(sandbox: Sandbox, records: list[dict[str, Any]], speed: float) -> dict[str, Any]:
    calls, peak = drill.list_drs_outcomes(sandbox), sandbox.control_emulator("GET", "/calls")["peak"]["overall"]
    jobs = _jobs(sandbox)
    began = min(seconds(record["requestedAt"]) for record in records)
    ended = max(seconds(record["endedAt"]) for record in records)
    ideal = ideal_makespan([(servers, seconds) for servers, seconds in jobs])
    total = sum(sum(outcomes.values()) for outcomes in calls.values())
    outcomes = Counter[str]()
    for operation in calls.values():
        outcomes.update(operation)
    servers = sum(record["servers"]["total"] for record in records)
    arns = [arn for record in records for arn in drill.list_machine_executions(sandbox, record)]
    return {
        "servers": servers,
        "launched": sum(record["servers"]["launched"] for record in records),
        "plans": len(records),
        "status": [record["status"] for record in records],
        "timeScale": speed,
        "makespanSeconds": round(ended - began, 1),
        "idealSeconds": round(ideal, 1),
        "ratio": round((ended - began) / ideal, 4),
        "calls": calls,
        "throttledShare": round(outcomes["ThrottlingException"] / total, 5),
        "quotaRefusals": outcomes["ServiceQuotaExceededException"],
        "peakJobs": peak["jobs"],
        "peakServersInJobs": peak["servers"],
        "callsPerServer": round(total / servers, 3),
        "stateTransitions": sum(drill.count_transitions(sandbox, arn) for arn in arns),
        "inspectionSeconds": [
            round(seconds(record["waves"][0]["startedAt"]) - seconds(record["requestedAt"]), 1) for record in records
        ],
        "planSeconds": [round(seconds(record["endedAt"]) - seconds(record["requestedAt"]), 1) for record in records],
    }


def _jobs(sandbox: Sandbox) -> list[tuple[int, float]]:
    """Servers and seconds of every job, in the order they were started."""
    pages = sandbox.client("drs").get_paginator("describe_jobs").paginate(filters={})
    jobs = sorted((job for page in pages for job in page["items"]), key=lambda job: job["creationDateTime"])
    return [
        (len(job["participatingServers"]), seconds(job["endDateTime"]) - seconds(job["creationDateTime"]))
        for job in jobs
    ]


def ideal_makespan(jobs: list[tuple[int, float]]) -> float:
    """The makespan of the jobs, in this order, when each starts the moment its servers fit into the quota."""
    now, used, running = 0.0, 0, list[tuple[float, int]]()
    for servers, seconds in jobs:
        while used + servers > SERVERS_IN_JOBS:
            now, freed = heapq.heappop(running)
            used -= freed
        heapq.heappush(running, (now + seconds, servers))
        used += servers
    return max((end for end, _ in running), default=now)


def seconds(moment: str) -> float:
    """Epoch seconds of an ISO 8601 time."""
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    sys.exit(main())
