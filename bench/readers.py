"""Compares a recovery of 100 servers beside forty looping viewers with the same recovery alone.

    python -m bench.readers [--servers 100] [--viewers 40] [--speed 5]

Writes build/bench/readers.json. Exits with 1 when the recovery beside the viewers takes more than 1.1 times as long.

The viewers ask for what calls DRS in the target of the recovery: its source servers and its capacity. Each sends the
next request as soon as the one before is answered. The sandbox's gateway holds the limits of the stage, in real time.
After a refusal a viewer waits a real second: on AWS a refused request costs the product nothing, but here the gateway,
the functions, DynamoDB and Step Functions share the processors with the viewers.

Each real second that the viewers' load costs a run counts `speed` times. So at a high speed the figure shows the
machine and not the product: at 60, a tenth of a second for each of a hundred calls is as long as the job itself. Run it
at a low speed, on a machine that does nothing else.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox import drill, seeding
from sandbox.settings import HUB_ACCOUNT
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
# One for the run that warms up the functions, one for each run that is measured: none knows the jobs of another.
WARM_UP_REGION, ALONE_REGION, BESIDE_REGION = "eu-central-1", "us-east-1", "us-west-2"
SECONDS_AFTER_REFUSAL = 1
SECONDS_BETWEEN_VIEWERS = 0.25
HIGHEST_RATIO = 1.1


def main() -> int:
    options = _options()
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=options.speed, on_progress=print) as sandbox:
        seeding.register_accounts(sandbox, {HUB_ACCOUNT: [WARM_UP_REGION, ALONE_REGION, BESIDE_REGION]})
        sandbox.control_emulator("PUT", "/settings", {"spread": 0, "durations": {"recovery": _brief()}})
        _recover(sandbox, WARM_UP_REGION, 1)
        sandbox.control_emulator("PUT", "/settings", {"profile": "captured"})  # with jobs as long as on AWS
        alone = _recover(sandbox, ALONE_REGION, options.servers)
        answers = Counter[str]()
        with _viewers(sandbox, options.viewers, answers):
            beside = _recover(sandbox, BESIDE_REGION, options.servers)
    figures = {
        "servers": options.servers,
        "viewers": options.viewers,
        "timeScale": options.speed,
        "cores": os.cpu_count(),
        "alone": alone,
        "beside": beside,
        "ratio": round(beside["planSeconds"] / alone["planSeconds"], 4),
        "answersToViewers": dict(answers.most_common()),
        "answersToViewersPerRealSecond": round(answers.total() / beside["planSeconds"] * options.speed, 1),
    }
    drill.write_figures(figures, ROOT / "build" / "bench" / "readers.json")
    print(json.dumps(figures, indent=2))
    holds = figures["ratio"] <= HIGHEST_RATIO and answers["200"] > 0
    return 0 if holds and alone["status"] == beside["status"] == "COMPLETED" else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=100, help="source servers of each recovery")
    parser.add_argument("--viewers", type=int, default=40, help="viewers that loop")
    parser.add_argument("--speed", type=float, default=5, help="simulated seconds to a real one")
    parser.add_argument("--port", type=int, default=4600, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _brief() -> dict[str, float]:
    return {"pending": 5, "started": 5}


def _recover(sandbox: Sandbox, region: str, servers: int) -> dict[str, Any]:
    """Recover so many new servers of the Region; return the simulated seconds that it took, and those to the start."""
    tags = {"fleet": region}
    body = [{"hostname": f"{region}-{number:03}", "tags": tags} for number in range(servers)]
    sandbox.control_emulator("POST", "/source-servers", {"accountId": HUB_ACCOUNT, "region": region, "servers": body})
    group = {"name": region, "accountId": HUB_ACCOUNT, "region": region, "tags": tags}
    group_id = seeding.create_resource(sandbox, "/protection-groups", group)["groupId"]
    wave = {"name": "all", "groups": [{"groupId": group_id}]}
    plan = seeding.create_resource(sandbox, "/recovery-plans", {"name": region, "waves": [wave]})
    execution_id = sandbox.request("POST", f"/recovery-plans/{plan['planId']}/recoveries").body["executionId"]
    states = sandbox.client("stepfunctions")
    arn = sandbox.outputs["RecoverPlanArn"].replace(":stateMachine:", ":execution:") + f":{execution_id}"
    while states.describe_execution(executionArn=arn)["status"] == "RUNNING":
        sandbox.require_alive()
        time.sleep(1)
    record = sandbox.request("GET", f"/executions/{execution_id}").body
    print(f"{region}: {record['status']} {record['reason']}", file=sys.stderr)
    jobs = sandbox.client("drs", account=HUB_ACCOUNT, region=region).describe_jobs(filters={})["items"]
    started, requested = min(_seconds(job["creationDateTime"]) for job in jobs), _seconds(record["requestedAt"])
    return {
        "status": record["status"],
        "planSeconds": round(_seconds(record["endedAt"]) - requested, 1),
        "secondsToStart": round(started - requested, 1),
    }


@contextmanager
def _viewers(sandbox: Sandbox, count: int, answers: Counter[str]) -> Iterator[None]:
    """Viewers that loop until the block ends. `answers` counts what they are answered, by status and code."""
    paths = [
        f"/targets/{HUB_ACCOUNT}/{BESIDE_REGION}/source-servers",
        f"/capacity/{HUB_ACCOUNT}/{BESIDE_REGION}",
    ]
    stop, lock = threading.Event(), threading.Lock()

    def loop(path: str) -> None:
        while not stop.is_set():
            reply = sandbox.request("GET", path)
            with lock:
                answers[f"{reply.status} {reply.body.get('code', '')}".rstrip()] += 1
            if reply.status != 200:
                stop.wait(SECONDS_AFTER_REFUSAL)

    threads = [threading.Thread(target=loop, args=(paths[number % len(paths)],)) for number in range(count)]
    for thread in threads:
        thread.start()
        time.sleep(SECONDS_BETWEEN_VIEWERS)  # forty functions that start at once would be all that the machine does
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    sys.exit(main())
