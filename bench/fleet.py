"""Drills a fleet of 10,000 servers in 10 accounts and Regions and 2 waves, and counts what it costs.

    python -m bench.fleet [--servers 10000] [--speed 20] [--port 4630]

The ideal is what DRS alone needs: for each wave the longest list schedule of a target's jobs, by the durations the
emulator gave them, on the quota of 500 servers in jobs. Real seconds are those of this machine, on which functions,
DRS, DynamoDB and Step Functions share the processors. Write units are DynamoDB's, counted by the engine.

`peakMemoryMegabytes` is the highest VmHWM of a process of each function, largest first. A process here is a fork that
shares the pages of the clients and modules of all functions, and they count in each; so a figure is an upper bound of
what the function takes on AWS, where it imports only its own. Its growth over the smallest one is the work on the
fleet. `make bench-memory` measures processes of their own.

Writes build/bench/fleet.json and exits with 1 when a server was not launched or a limit is missed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.saturation import RATE_LIMIT, follow, ideal_makespan, seconds
from cli.api_client import ApiClient
from cli.report.write import write_report
from cli.run_client import list_servers
from report.collect import collect_facts
from sandbox import deployment, drill, seeding
from sandbox.engine import ENVIRONMENTS_MOST, FUNCTIONS, METER
from sandbox.settings import HUB_ACCOUNT, TARGET_ACCOUNT
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
REGIONS = ("us-west-2", "us-east-1", "us-east-2", "eu-west-1", "eu-central-1")
TARGETS = [(account, region) for account in (HUB_ACCOUNT, TARGET_ACCOUNT) for region in REGIONS]
# Fifty batches end at once. To start fifty environments of a function would take two processors half a minute.
ENVIRONMENTS_OF_A_FUNCTION = 6
WAVES = ("databases", "applications")
MOST = {"ratio": 1.15, "inspectionRealSeconds": 10, "listServersSeconds": 10, "reportSeconds": 15}


def main() -> int:
    options = _options()
    meter = Path(tempfile.mkdtemp(prefix="fleet-")) / "dynamodb.json"
    os.environ[METER] = str(meter)
    os.environ[ENVIRONMENTS_MOST] = str(ENVIRONMENTS_OF_A_FUNCTION)
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=options.speed, on_progress=print) as sandbox:
        figures = _measure(sandbox, options.servers, meter)
    missed = [name for name, most in MOST.items() if figures[name] > most]
    figures["missed"] = missed
    drill.write_figures(figures, ROOT / "build" / "bench" / "fleet.json")
    print(json.dumps(figures, indent=2))
    return 1 if missed or figures["launched"] < figures["servers"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=10_000, help="source servers in all")
    parser.add_argument("--speed", type=float, default=20, help="simulated seconds to a real one")
    parser.add_argument("--port", type=int, default=4630, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _measure(sandbox: Sandbox, servers: int, meter: Path) -> dict[str, Any]:
    limits = {"default": {"perSecond": RATE_LIMIT, "burst": 2 * RATE_LIMIT}}
    sandbox.control_emulator("PUT", "/settings", {"rateLimits": limits})
    seeding.register_accounts(sandbox, {key: {"regions": list(REGIONS)} for key in (HUB_ACCOUNT, TARGET_ACCOUNT)})
    plan_id = _create_plan(sandbox, servers // len(TARGETS) // len(WAVES))
    before, calls_before = _read_meter(meter), drill.count_drs_calls(sandbox)
    records: dict[str, Any] = {}
    deployment.await_functions(sandbox.client("lambda"))
    execution_id = sandbox.request("POST", f"/recovery-plans/{plan_id}/drills").body["executionId"]
    follow(sandbox, execution_id, records)
    after, calls_after = _read_meter(meter), drill.count_drs_calls(sandbox)
    reads = _measure_reads(sandbox, execution_id)
    record = records[execution_id]
    used = {name: {key: after[name][key] - before.get(name, {}).get(key, 0) for key in after[name]} for name in after}
    arns = drill.list_machine_executions(sandbox, record)
    makespan = seconds(record["endedAt"]) - seconds(record["requestedAt"])
    inspection = min(seconds(wave["startedAt"]) for wave in record["waves"]) - seconds(record["requestedAt"])
    ideal = _find_ideal(sandbox, record)
    total = record["servers"]["total"]
    drs_calls = {name: count - calls_before.get(name, 0) for name, count in calls_after.items()}
    return {
        "servers": total,
        "launched": record["servers"]["launched"],
        "status": record["status"],
        "targets": len(TARGETS),
        "waves": len(WAVES),
        "timeScale": sandbox.speed,
        "makespanSeconds": round(makespan, 1),
        "idealSeconds": round(ideal, 1),
        "ratio": round(makespan / ideal, 4),
        "inspectionRealSeconds": round(inspection / sandbox.speed, 1),
        "wavesRealSeconds": [_time_wave(record, wave, sandbox.speed) for wave in record["waves"]],
        "drsCallsPerServer": round(sum(drs_calls.values()) / total, 3),
        "drsCalls": drs_calls,
        "dynamodbCallsPerServer": round(sum(each["requests"] for each in used.values()) / total, 3),
        "writeUnitsPerServer": round(sum(used[name]["units"] for name in used if _is_write(name)) / total, 3),
        "readUnitsPerServer": round(sum(used[name]["units"] for name in used if not _is_write(name)) / total, 3),
        "dynamodb": used,
        "peakMemoryMegabytes": _read_peaks(meter.with_name(FUNCTIONS)),
        "stateTransitions": sum(drill.count_transitions(sandbox, arn) for arn in arns),
        **reads,
    }


def _create_plan(sandbox: Sandbox, servers: int) -> str:
    """A plan whose waves have a group of this many servers in each target, by tags."""
    for account_id, region in TARGETS:
        for wave in WAVES:
            body = [{"hostname": f"{wave[:3]}-{number:04}", "tags": {"wave": wave}} for number in range(servers)]
            seeded = {"accountId": account_id, "region": region, "servers": body}
            sandbox.control_emulator("POST", "/source-servers", seeded)
    waves = []
    for wave in WAVES:
        uses = []
        for account_id, region in TARGETS:
            group = {"name": f"{wave}-{account_id}-{region}", "accountId": account_id, "region": region}
            created = seeding.create_resource(sandbox, "/protection-groups", {**group, "tags": {"wave": wave}})
            uses.append({"groupId": created["groupId"]})
        waves.append({"name": wave, "groups": uses, "dependsOn": list(WAVES[: WAVES.index(wave)])})
    return str(seeding.create_resource(sandbox, "/recovery-plans", {"name": "fleet", "waves": waves})["planId"])


def _measure_reads(sandbox: Sandbox, execution_id: str) -> dict[str, float]:
    """Real seconds that a client takes to read the run, as the command does."""
    api = ApiClient.at(sandbox.addresses())
    began = time.monotonic()
    record = api.get(f"/executions/{execution_id}")
    status = time.monotonic() - began
    servers = list_servers(api, execution_id)
    listed = time.monotonic() - began - status
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        page = write_report(collect_facts(api, record), Path(folder)).html
        written, size = time.monotonic() - began, page.stat().st_size
    return {
        "statusSeconds": round(status, 2),
        "serversListed": len(servers),
        "listServersSeconds": round(listed, 2),
        "reportSeconds": round(written, 2),
        "reportMegabytes": round(size / 1e6, 2),
    }


def _find_ideal(sandbox: Sandbox, record: Mapping[str, Any]) -> float:
    """The sum of each wave's longest schedule of jobs in a target; the waves follow each other."""
    jobs: dict[tuple[str, str, str], list[tuple[int, float]]] = defaultdict(list)
    for account_id, region in TARGETS:
        durations = _read_durations(sandbox, account_id, region)
        for batch in record["batches"]:
            if (batch["accountId"], batch["region"]) == (account_id, region) and batch["jobId"] in durations:
                jobs[batch["wave"], account_id, region].append((batch["servers"], durations[batch["jobId"]]))
    longest: dict[str, float] = defaultdict(float)
    for (wave, _, _), each in jobs.items():
        longest[wave] = max(longest[wave], ideal_makespan(each))
    return sum(longest.values())


def _time_wave(record: Mapping[str, Any], wave: Mapping[str, Any], speed: float) -> dict[str, float]:
    """Real seconds from the start of a wave to its first and last job, and from the end of its last job to its own."""
    jobs = [job for batch in record["batches"] if batch["wave"] == wave["name"] for job in batch["jobs"]]
    began, starts = seconds(wave["startedAt"]), sorted(seconds(job["startedAt"]) for job in jobs)
    last_end = max(seconds(job["endedAt"]) for job in jobs)
    times = {"firstJob": starts[0] - began, "lastJob": starts[-1] - began, "end": seconds(wave["endedAt"]) - last_end}
    return {name: round(each / speed, 1) for name, each in times.items()}


def _read_durations(sandbox: Sandbox, account_id: str, region: str) -> dict[str, float]:
    drs = sandbox.client("drs", account=account_id, region=region)
    pages: Iterable[Any] = drs.get_paginator("describe_jobs").paginate(filters={})
    ended = [job for page in pages for job in page["items"] if job.get("endDateTime")]
    return {job["jobID"]: seconds(job["endDateTime"]) - seconds(job["creationDateTime"]) for job in ended}


def _read_meter(meter: Path) -> dict[str, dict[str, float]]:
    """What the engine has counted so far, once it has written it."""
    time.sleep(2)
    counted: dict[str, dict[str, float]] = json.loads(meter.read_text())
    return counted


def _read_peaks(noted: Path) -> dict[str, int]:
    """The peak of each function in MB, largest first, once the engine has written it."""
    peaks = {name: each["peakMegabytes"] for name, each in _read_meter(noted).items()}
    return {name: round(peaks[name]) for name in sorted(peaks, key=peaks.__getitem__, reverse=True)}


def _is_write(operation: str) -> bool:
    return operation not in ("GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems")


if __name__ == "__main__":
    sys.exit(main())
