"""Runs thirty drills under random faults of every kind that the DRS emulator has, and compares each record with DRS.

    python -m bench.chaos [--drills 30] [--seed 11] [--speed 120]

Writes build/bench/chaos.json: counts, the seed, and each invariant that was broken. Exit status 0 when none was.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sandbox import drill, seeding
from sandbox.settings import HUB_ACCOUNT, REGION, TARGET_ACCOUNT, SandboxError
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ((HUB_ACCOUNT, REGION), (TARGET_ACCOUNT, "eu-central-1"))
AT_ONCE = 5
FINAL = {"READY", "COMPLETED", "PARTIAL", "FAILED", "CANCELLED", "NOT_READY"}
ROUND_SECONDS = 600.0


def main() -> int:
    options = _options()
    chance = random.Random(options.seed)
    broken: list[str] = []
    statuses = Counter[str]()
    began = time.monotonic()
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=options.speed, on_progress=print) as sandbox:
        seeding.register_accounts(sandbox)
        for first in range(0, options.drills, AT_ONCE):
            plans = [_plan(sandbox, number, chance) for number in range(first, min(first + AT_ONCE, options.drills))]
            _make_faults(sandbox, chance, region_down=first == AT_ONCE)
            ids = [_start(sandbox, plan) for plan in plans]
            records = [_finish(sandbox, execution_id, broken) for execution_id in ids]
            sandbox.control_emulator("DELETE", "/faults")
            for record in filter(None, records):
                statuses[record["status"]] += 1
                broken += _differences(sandbox, record)
            print(f"{first + len(plans)} of {options.drills}: {dict(statuses)}, {len(broken)} broken invariants")
        broken += _leases(sandbox)
        calls = sandbox.control_emulator("GET", "/calls")
    figures = {
        "drills": options.drills,
        "seed": options.seed,
        "timeScale": options.speed,
        "statuses": dict(statuses),
        "calls": calls["operations"],
        "peak": calls["peak"]["overall"],
        "seconds": round(time.monotonic() - began, 1),
        "brokenInvariants": broken,
    }
    drill.write_figures(figures, ROOT / "build" / "bench" / "chaos.json")
    print(json.dumps(figures, indent=2))
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--speed", type=float, default=120, help="simulated seconds to a real one")
    parser.add_argument("--port", type=int, default=4574, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _plan(sandbox: Sandbox, number: int, chance: random.Random) -> str:
    """One to three waves, each with a few servers in one target or both, some with a tolerance."""
    waves = []
    for wave in range(chance.randint(1, 3)):
        groups = []
        for account, region in chance.sample(TARGETS, chance.randint(1, 2)):
            tags = {"drill": str(number), "wave": str(wave)}
            servers = [{"hostname": f"d{number}-w{wave}-{each}", "tags": tags} for each in range(chance.randint(1, 8))]
            seeded = {"accountId": account, "region": region, "servers": servers}
            sandbox.control_emulator("POST", "/source-servers", seeded)
            group = {"name": f"{number}-{wave}", "accountId": account, "region": region, "tags": tags}
            groups.append({"groupId": _post(sandbox, "/protection-groups", group)["groupId"]})
        waves.append({"name": f"wave-{wave}", "groups": groups, "maxFailedPercent": chance.choice((0, 30, 60))})
    body = {"name": f"chaos {number}", "waves": waves, "launchAttempts": chance.randint(1, 3)}
    return str(_post(sandbox, "/recovery-plans", body)["planId"])


def _make_faults(sandbox: Sandbox, chance: random.Random, *, region_down: bool) -> None:
    """Some of every kind; the Region that goes down stays so for ten simulated minutes."""
    made: list[dict[str, Any]] = [
        {"kind": "THROTTLING", "probability": 0.08},
        {"kind": "SERVER_ERROR", "probability": 0.05},
        {"kind": "CUT_BEFORE", "probability": 0.04},
        {"kind": "CUT_AFTER", "probability": 0.04},
        {"kind": "CUT_AFTER", "operation": "StartRecovery", "probability": 0.3},
        {"kind": "LATENCY", "probability": 0.05, "milliseconds": 150},
        {"kind": "SNAPSHOT_FAILS", "probability": 0.04},
        {"kind": "CONVERSION_FAILS", "probability": 0.04},
        {"kind": "LAUNCH_FAILS", "probability": 0.06},
        {"kind": "JOB_STAYS_PENDING", "probability": 0.1, "holdSeconds": 900},
    ]
    if region_down:
        account, region = chance.choice(TARGETS)
        made.append({"kind": "REGION_DOWN", "accountId": account, "region": region, "durationSeconds": 600})
    for fault in made:
        sandbox.control_emulator("POST", "/faults", fault)


def _start(sandbox: Sandbox, plan_id: str) -> str:
    reply = sandbox.request("POST", f"/recovery-plans/{plan_id}/drills")
    if reply.status != 202:
        raise SandboxError(f"the drill was refused with {reply.status}: {reply.body}")
    return str(reply.body["executionId"])


def _finish(sandbox: Sandbox, execution_id: str, broken: list[str]) -> dict[str, Any] | None:
    deadline = time.monotonic() + ROUND_SECONDS
    while time.monotonic() < deadline:
        record: dict[str, Any] = sandbox.request("GET", f"/executions/{execution_id}").body
        if record["status"] in FINAL:
            return record
        sandbox.require_alive()
        time.sleep(0.5)
    broken.append(f"{execution_id}: no final status after {ROUND_SECONDS:.0f} s")
    return None


def _differences(sandbox: Sandbox, record: dict[str, Any]) -> list[str]:
    """The differences between the record and the emulator's jobs."""
    execution_id = record["executionId"]
    launches: dict[str, list[tuple[str, str]]] = {}
    broken = []
    for account, region in TARGETS:
        pages = sandbox.client("drs", account=account, region=region).get_paginator("describe_jobs")
        for page in pages.paginate(filters={}):
            for job in page["items"]:
                if job["tags"].get("drs-waves:execution") != execution_id:
                    continue
                if job["status"] != "COMPLETED":
                    broken.append(f"{execution_id}: {job['jobID']} is {job['status']} though the run has ended")
                for server in job["participatingServers"]:
                    launches.setdefault(server["sourceServerID"], []).append((job["jobID"], server["launchStatus"]))
    servers = drill.list_servers(sandbox, execution_id)
    for server in servers:
        truth = launches.get(server["sourceServerId"], [])
        launched = [job for job, status in truth if status == "LAUNCHED"]
        if len(launched) > 1:
            broken.append(f"{execution_id}: {server['sourceServerId']} was launched by {launched}")
        if server["status"] == "LAUNCHED" and server["jobId"] not in launched:
            broken.append(f"{execution_id}: {server['sourceServerId']} is LAUNCHED by {server['jobId']}, DRS: {truth}")
        if server["status"] != "LAUNCHED" and launched:
            broken.append(f"{execution_id}: {server['sourceServerId']} is {server['status']}, DRS: {truth}")
        if server["status"] not in ("LAUNCHED", "FAILED", "EXCLUDED", "SKIPPED"):
            broken.append(f"{execution_id}: {server['sourceServerId']} is {server['status']} at the end")
        if server["status"] == "FAILED" and not server["reason"]:
            broken.append(f"{execution_id}: {server['sourceServerId']} failed without a reason")
    counted = Counter(server["status"] for server in servers)
    if counted["LAUNCHED"] != record["servers"]["launched"]:
        broken.append(f"{execution_id}: {counted['LAUNCHED']} servers LAUNCHED, tally {record['servers']}")
    return broken


def _leases(sandbox: Sandbox) -> list[str]:
    rows = sandbox.client("dynamodb").scan(TableName=sandbox.resources["Limits"])["Items"]
    return [
        f"{row['target']['S']}: lease left for {holder}"
        for row in rows
        if row["item"]["S"] == "LEASES"
        for holder in row.get("leases", {}).get("M", {})
    ]


def _post(sandbox: Sandbox, path: str, body: Any) -> dict[str, Any]:
    reply = sandbox.request("POST", path, body)
    if reply.status != 201:
        raise SandboxError(f"POST {path} answered {reply.status}: {reply.body}")
    answer: dict[str, Any] = reply.body
    return answer


if __name__ == "__main__":
    sys.exit(main())
