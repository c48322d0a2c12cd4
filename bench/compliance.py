"""Measures the answers about compliance: 200 plans with 10,000 servers in 10 targets, half of the servers by tags.

    PYTHONPATH=lambdas:. python -m bench.compliance [--plans 200] [--servers 10000] [--requests 60] [--port 4650]

Writes build/bench/compliance.json: median and p95 of `GET /compliance` and of the largest page of its servers, in real
milliseconds over HTTP, one request after the other; and the reads of DynamoDB that an answer costs, by operation and
table. `…InFunction` is the part of the answer that the product's function takes with its calls, and `…FunctionCpu` what
it computes itself: the local AWS and the clients share the machine with it. Exits with 1 when the p95 of
`GET /compliance` is over a second, an answer was not 200, or a run was read.

The rows are written by the product's own stores into the tables of the sandbox. No drill is run for them.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.catalog import groups, plans
from recovery.domain.drills import fingerprints
from recovery.domain.drills.listed import ListedServer
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.policy import CountsIf, DrillPolicy
from recovery.domain.plan import GroupUse, ProtectionGroup, RecoveryPlan, Wave
from recovery.domain.target import Target
from recovery.drills.compliance import read_fleet
from recovery.settings import settings
from recovery.store.drills import outcomes, source_servers
from recovery.store.drills.outcomes import DrillSummary, ServerPart
from sandbox import deployment, drill, seeding
from sandbox.engine import METER, TIMES_HEADER
from sandbox.settings import HUB_ACCOUNT, STACK_NAME
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-central-1",
    "eu-north-1",
    "ca-central-1",
)
HIGHEST_P95 = 1_000
# Requests before the measured ones: functions start, and caches of the process fill.
WARM_UP = 5
DAY = 86_400.0


def main() -> int:
    options = _options()
    os.environ[METER] = str(Path(tempfile.mkdtemp(prefix="compliance-")) / "dynamodb.json")
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=1, on_progress=print) as sandbox:
        regions = list(REGIONS)
        seeding.register_accounts(sandbox, {HUB_ACCOUNT: {"regions": regions}})
        _use_tables_of(sandbox)
        _seed(options.plans, options.servers, [Target(HUB_ACCOUNT, region) for region in regions])
        deployment.await_functions(sandbox.client("lambda"))
        figures = _measure(sandbox, options.requests)
    drill.write_figures(figures, ROOT / "build" / "bench" / "compliance.json")
    print(json.dumps(figures, indent=2))
    reads_runs = any(name.endswith((" executions", " run-requests")) for name in figures["readsOfAnAnswer"])
    holds = figures["plans"]["p95Milliseconds"] <= HIGHEST_P95
    return 0 if holds and not reads_runs and not figures["unexpected"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", type=int, default=200, help="recovery plans")
    parser.add_argument("--servers", type=int, default=10_000, help="source servers in all")
    parser.add_argument("--requests", type=int, default=60, help="requests that are measured")
    parser.add_argument("--port", type=int, default=4650, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _use_tables_of(sandbox: Sandbox) -> None:
    """Let the product's stores in this process read and write the tables of the sandbox."""
    for name in sandbox.client("dynamodb").list_tables()["TableNames"]:
        setting = name.removeprefix(f"{STACK_NAME}-").replace("-", "_").upper()
        os.environ[f"{setting}_TABLE"] = name
    client = sandbox.client("dynamodb")
    dynamodb.client = lambda: client  # type: ignore[assignment]  # the product's has no endpoint of the sandbox


def _seed(plan_count: int, server_count: int, targets: list[Target]) -> None:
    now = clock.now()
    in_plan, in_target = server_count // plan_count, server_count // len(targets)
    names = [f"s-{number:017x}" for number in range(server_count)]
    for number, target in enumerate(targets):
        mine = names[number * in_target : (number + 1) * in_target]
        listed = [
            ListedServer(
                name, f"host-{name[-6:]}", {"Name": name, "plan": str(names.index(name) // in_plan)}, "CONTINUOUS"
            )
            for name in mine
        ]
        free = [
            ListedServer(f"s-f{number:02}{each:014x}", f"free-{number}-{each}", {}, "CONTINUOUS") for each in range(10)
        ]
        source_servers.write_list(target, [*listed, *free], now)
    for number in range(plan_count):
        mine = names[number * in_plan : (number + 1) * in_plan]
        _seed_plan(number, mine, targets[min(number * in_plan // in_target, len(targets) - 1)], now)


def _seed_plan(number: int, servers: list[str], target: Target, now: float) -> None:
    """A plan with a group by ids and one by tags, drilled between one day and 119 days ago; a few never."""
    half = len(servers) // 2
    by_id = ProtectionGroup(f"pg-{number:012x}", f"ids {number}", target, tuple(servers[:half]))
    by_tags = ProtectionGroup(f"pg-{number + 4096:012x}", f"tags {number}", target, tags={"plan": str(number)})
    policy = DrillPolicy(every_days=90, since=clock.iso(now - 200 * DAY))
    waves = (Wave("db", (GroupUse(by_id.group_id),)), Wave("web", (GroupUse(by_tags.group_id),)))
    plan = RecoveryPlan(f"rp-{number:012x}", f"plan {number}", waves, drill_policy=policy)
    for group in (by_id, by_tags):
        groups.create_group(group)
    plans.create_plan(plan)
    if number % 20 == 7:
        return
    at = now - (1 + number % 119) * DAY
    drilled = DrillOutcome(
        f"drill-{number:06}",
        plan.plan_id,
        clock.iso(at),
        clock.iso(at + 3_600),
        "COMPLETED",
        counts=True,
        level=CountsIf.LAUNCHED,
        servers_total=len(servers),
        servers_required=len(servers),
        servers_launched=len(servers),
        plan_hash=fingerprints.plan_hash(plan if number % 11 else RecoveryPlan("rp-0", "other", ())),
        profiles_hash=fingerprints.profiles_hash([by_id, by_tags]),
        group_versions={by_id.group_id: 1, by_tags.group_id: 1},
    )
    outcomes.write_outcome(drilled, 0)
    counted = (drilled.requested_at, drilled.execution_id)
    outcomes.write_server_part(plan.plan_id, ServerPart(0, dict.fromkeys(servers, counted)))
    outcomes.write_summary(plan.plan_id, DrillSummary(drilled, drilled, 1), 0)


def _measure(sandbox: Sandbox, requests: int) -> dict[str, Any]:
    unexpected = Counter[str]()
    answers: dict[str, Any] = {}
    taken = defaultdict[str, list[float]](list)
    paths = {"plans": "/compliance?limit=200", "servers": "/compliance/servers?limit=1000"}
    for number in range(WARM_UP + requests):
        for name, path in paths.items():
            began = time.monotonic()
            reply = sandbox.request("GET", path)
            if reply.status != 200:
                unexpected[f"{path} {reply.status}"] += 1
            answers[name] = reply.body
            if number >= WARM_UP:
                taken[name].append((time.monotonic() - began) * 1_000)
                times = json.loads(reply.headers[TIMES_HEADER])
                taken[f"{name}InFunction"].append(times["function"])
                taken[f"{name}FunctionCpu"].append(times["cpu"])
    return {
        "counts": answers["plans"]["counts"],
        "requests": requests,
        "cores": os.cpu_count(),
        "loadAverage": round(os.getloadavg()[0], 1),
        "unexpected": dict(unexpected),
        **{name: _spread(milliseconds) for name, milliseconds in taken.items()},
        **_count_reads(),
    }


def _spread(milliseconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return {"medianMilliseconds": round(cuts[49], 1), "p95Milliseconds": round(cuts[94], 1)}


def _count_reads() -> dict[str, Any]:
    """The requests to DynamoDB of one answer, by operation and table."""
    reads = Counter[str]()
    client = dynamodb.client()
    prefix = f"{settings().recovery_plans_table.removesuffix('recovery-plans')}"

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        tables = params.get("RequestItems") or [params["TableName"]]
        reads.update(f"{model.name} {table.removeprefix(prefix)}" for table in tables)

    client.meta.events.register("before-parameter-build.dynamodb", note)
    began = time.monotonic()
    read_fleet()
    return {
        "readsOfAnAnswer": dict(sorted(reads.items())),
        "judgedInMilliseconds": round((time.monotonic() - began) * 1_000, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
