"""Measures the cache of 2,000 recovery instances in 10 accounts and Regions: sync, reads and a clean-up.

    python -m bench.cache [--instances 2000] [--port 4580]

Writes build/bench/cache.json. Seconds and milliseconds are real ones; the sandbox runs at 60 times speed, so that
launches and terminations take seconds. What AWS adds or saves is not measured: the functions run here as processes that
share two cores with DRS, EC2 and DynamoDB.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox import drill, seeding
from sandbox.settings import HUB_ACCOUNT, TARGET_ACCOUNT
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
REGIONS = ("us-west-2", "us-east-1", "us-east-2", "eu-west-1", "eu-central-1")
TARGETS = [(account, region) for account in (HUB_ACCOUNT, TARGET_ACCOUNT) for region in REGIONS]
SERVERS_PER_JOB = 100
SPEED = 60
READS = 200
SYNC = "/drs/recovery-instance-sync"


def main() -> int:
    options = _options()
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=SPEED, on_progress=print) as sandbox:
        seeding.register_accounts(sandbox)
        _configure(sandbox)
        each = options.instances // len(TARGETS)
        with ThreadPoolExecutor(len(TARGETS)) as pool:
            launched = list(pool.map(lambda target: _launch(sandbox, *target, each), TARGETS))
        print(f"{sum(map(len, launched))} recovery instances in {len(TARGETS)} targets")
        figures = {
            "instances": sum(map(len, launched)),
            "targets": len(TARGETS),
            "firstSync": _sync(sandbox),
            "secondSync": _sync(sandbox),
            "reads": _reads(sandbox, launched[0][:100]),
            "cleanUp": _clean_up(sandbox),
        }
    drill.write_figures(figures, ROOT / "build" / "bench" / "cache.json")
    print(json.dumps(figures, indent=2))
    return 0 if _holds(figures) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=2_000, help="recovery instances in all")
    parser.add_argument("--port", type=int, default=4580, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _configure(sandbox: Sandbox) -> None:
    """The Regions of the accounts, by which a sync knows its targets."""
    for account in (HUB_ACCOUNT, TARGET_ACCOUNT):
        sandbox.client("dynamodb").update_item(
            TableName=sandbox.outputs["TargetAccountsTable"],
            Key={"accountId": {"S": account}},
            UpdateExpression="SET regions = :regions",
            ExpressionAttributeValues={":regions": {"L": [{"S": region} for region in REGIONS]}},
        )


def _launch(sandbox: Sandbox, account: str, region: str, count: int) -> list[str]:
    """Create source servers with a recovery instance each, launched by DRS directly."""
    body = [{"hostname": f"host-{number:04}"} for number in range(count)]
    seeded = {"accountId": account, "region": region, "servers": body}
    ids: list[str] = sandbox.control_emulator("POST", "/source-servers", seeded)["sourceServerIDs"]
    drs = sandbox.client("drs", account=account, region=region)
    for at in range(0, count, SERVERS_PER_JOB):
        servers = [{"sourceServerID": server} for server in ids[at : at + SERVERS_PER_JOB]]
        drs.start_recovery(sourceServers=servers, isDrill=True)
    while len(_instances(drs)) < count:
        sandbox.require_alive()
        time.sleep(1)
    return ids


def _instances(drs: Any) -> list[Any]:
    pages = drs.get_paginator("describe_recovery_instances").paginate(filters={})
    return [item for page in pages for item in page["items"]]


def _rows(sandbox: Sandbox) -> dict[str, Any]:
    pages = (
        sandbox.client("dynamodb").get_paginator("scan").paginate(TableName=sandbox.outputs["RecoveryInstancesTable"])
    )
    rows = [row for page in pages for row in page["Items"]]
    return {row["sourceServerId"]["S"]: row for row in rows if "recoveryInstanceId" in row}


def _calls(sandbox: Sandbox) -> Counter[str]:
    return Counter(drill.count_drs_calls(sandbox))


def _ec2_calls(sandbox: Sandbox) -> int:
    """DescribeInstances so far, by the rows of the budget that each call is counted in."""
    table = sandbox.resources["Limits"]
    pages = sandbox.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    rows = [row for page in pages for row in page["Items"]]
    return sum(int(row["calls"]["N"]) for row in rows if row["item"]["S"].startswith("EC2_CALLS#"))


def _run(sandbox: Sandbox, arn: str) -> str:
    states = sandbox.client("stepfunctions")
    while (status := states.describe_execution(executionArn=arn)["status"]) == "RUNNING":
        sandbox.require_alive()
        time.sleep(0.2)
    return str(status)


def _sync(sandbox: Sandbox) -> dict[str, Any]:
    before, rows, described = _calls(sandbox), _rows(sandbox), _ec2_calls(sandbox)
    began = time.monotonic()
    reply = sandbox.request("POST", SYNC)
    answered = time.monotonic() - began
    arn = sandbox.outputs["SyncCacheArn"].replace(":stateMachine:", ":execution:") + f":{reply.body['sync']}"
    status = _run(sandbox, arn)
    seconds = time.monotonic() - began
    calls, after = _calls(sandbox), _rows(sandbox)
    calls.subtract(before)
    told = sandbox.request("GET", f"{SYNC}/status").body
    return {
        "status": status,
        "told": told["status"],
        "seconds": round(seconds, 2),
        "answeredSeconds": round(answered, 2),
        "slowestTargetSeconds": round(max(target["seconds"] for target in told["targets"]) / SPEED, 2),
        "cached": len(after),
        "rowsWritten": sum(rows.get(server) != row for server, row in after.items()),
        "drsCalls": {name: count for name, count in sorted(calls.items()) if count},
        "ec2Calls": _ec2_calls(sandbox) - described,
        "instancesPerTarget": sorted({target["instances"] for target in told["targets"]}),
    }


def _reads(sandbox: Sandbox, server_ids: list[str]) -> dict[str, Any]:
    """Read a hundred servers through the API, one request after the other. The first is a cold start."""
    path = f"/recovery-instances?sourceServerIds={','.join(server_ids)}"
    taken, found = [], set[int]()
    for _ in range(READS):
        began = time.monotonic()
        reply = sandbox.request("GET", path)
        taken.append((time.monotonic() - began) * 1_000)
        found.add(len(reply.body["recoveryInstances"]))
    warm = sorted(taken[1:])
    return {
        "servers": len(server_ids),
        "found": sorted(found),
        "reads": READS,
        "firstMilliseconds": round(taken[0], 1),
        "medianMilliseconds": round(statistics.median(warm), 1),
        "p95Milliseconds": round(warm[int(len(warm) * 0.95)], 1),
    }


def _clean_up(sandbox: Sandbox) -> dict[str, Any]:
    """A drill of a hundred servers through the product, then its clean-up."""
    body = [{"hostname": f"drill-{number:04}"} for number in range(100)]
    seeded = {"accountId": HUB_ACCOUNT, "region": REGIONS[0], "servers": body}
    ids = sandbox.control_emulator("POST", "/source-servers", seeded)["sourceServerIDs"]
    group = {"name": "drill", "accountId": HUB_ACCOUNT, "region": REGIONS[0], "sourceServerIds": ids}
    use = {"groupId": sandbox.request("POST", "/protection-groups", group).body["groupId"]}
    plan = {"name": "drill", "waves": [{"name": "all", "groups": [use]}]}
    plan_id = sandbox.request("POST", "/recovery-plans", plan).body["planId"]
    execution_id = sandbox.request("POST", f"/recovery-plans/{plan_id}/drills").body["executionId"]
    while (record := sandbox.request("GET", f"/executions/{execution_id}").body)["status"] in ("PENDING", "POLLING"):
        sandbox.require_alive()
        time.sleep(1)
    assert record["servers"]["launched"] == 100, record["reason"]
    _sync(sandbox)
    before = _calls(sandbox)
    began = time.monotonic()
    reply = sandbox.request("POST", f"/executions/{execution_id}/cleanup")
    assert reply.status == 202, reply
    while not (calls := _calls(sandbox) - before)["TerminateRecoveryInstances"]:
        sandbox.require_alive()
        time.sleep(0.05)
    requested = time.monotonic() - began
    while (told := sandbox.request("GET", f"/executions/{execution_id}/cleanup").body)["status"] == "RUNNING":
        sandbox.require_alive()
        time.sleep(0.5)
    calls = _calls(sandbox) - before
    return {
        "status": told["status"],
        "instances": told["instances"],
        "requestedSeconds": round(requested, 2),
        "endedSeconds": round(time.monotonic() - began, 2),
        "drsCalls": {name: count for name, count in sorted(calls.items()) if count},
        "leftInCache": sum(server in _rows(sandbox) for server in ids),
    }


def _holds(figures: dict[str, Any]) -> bool:
    """Print each limit and whether the figures keep to it, and return whether they keep to all."""
    pages = sum(-(-figures["instances"] // figures["targets"] // 100) for _ in range(figures["targets"]))
    first, second, end = figures["firstSync"], figures["secondSync"], figures["cleanUp"]
    described = [name for name in end["drsCalls"] if name.startswith("Describe") and name != "DescribeJobs"]
    checks = {
        "first sync within a minute": first["seconds"] <= 60 and first["cached"] == figures["instances"],
        "a page for each hundred": first["drsCalls"]["DescribeRecoveryInstances"] <= pages,
        "a call of EC2 for each hundred": max(first["ec2Calls"], second["ec2Calls"]) <= pages,
        "second sync writes nothing": second["rowsWritten"] == 0,
        "every server is found": figures["reads"]["found"] == [figures["reads"]["servers"]],
        "a hundred servers within three seconds": figures["reads"]["p95Milliseconds"] <= 3_000,
        "clean-up is requested within ten seconds": end["requestedSeconds"] <= 10,
        "nothing but jobs is described": not described,
        "everything is gone": end["instances"]["terminated"] == 100 and end["leftInCache"] == 0,
    }
    for name, holds in checks.items():
        print(f"{'ok  ' if holds else 'FAIL'}  {name}")
    return all(checks.values())


if __name__ == "__main__":
    sys.exit(main())
