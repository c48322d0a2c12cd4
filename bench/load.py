"""Measures the API under load: 20 mixed reads and writes per second for a minute, during a run.

    python -m bench.load [--rate 20] [--seconds 60] [--port 4590]

Writes build/bench/load.json: median, p95 and p99 for each route, in real milliseconds from when a request was due, so
that one that had to wait for another counts in full, and apart from that how long they took once they were sent.
`parts` says where that time went: `function` is the product's handler with its calls, of which `functionCpu` is what it
computes itself; `start` is the start of a process for it; `engine` is the rest of the local AWS, from its first line of
Python for the request to its last; `queue` is what is left, before the engine takes the request and behind it.
Exits with 1 when an answer was a 5xx or not meant, or when the rate could not be held.

The sandbox's gateway, functions, tables and DRS share the machine with the clients; on AWS they do not.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox import drill, seeding
from sandbox.clients import Reply
from sandbox.engine import METER, TIMES_HEADER
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
SPEED = 60
SERVERS = 100
THREADS = 32
# The last answer may come so long after the last request was due.
SECONDS_LATE = 3

Send = Callable[[], Reply]


def main() -> int:
    options = _options()
    os.environ[METER] = str(Path(tempfile.mkdtemp(prefix="load-")) / "dynamodb.json")
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=SPEED, on_progress=print) as sandbox:
        seeding.register_accounts(sandbox)
        mix = _mix(sandbox)
        figures = _load(mix, options.rate, options.seconds)
    drill.write_figures(figures, ROOT / "build" / "bench" / "load.json")
    print(json.dumps(figures, indent=2))
    return 0 if figures["rateHeld"] and not figures["unexpected"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=20, help="requests a second")
    parser.add_argument("--seconds", type=int, default=60, help="for how long")
    parser.add_argument("--port", type=int, default=4590, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _mix(sandbox: Sandbox) -> list[tuple[int, str, Send]]:
    """The requests: how many of a hundred, the route, the request. A run of a hundred servers is in progress."""
    servers = [{"hostname": f"load-{number:03}"} for number in range(SERVERS)]
    seeded = {"accountId": HUB_ACCOUNT, "region": REGION, "servers": servers}
    ids = sandbox.control_emulator("POST", "/source-servers", seeded)["sourceServerIDs"]
    group = {"name": "load", "accountId": HUB_ACCOUNT, "region": REGION, "sourceServerIds": ids}
    group_id = _made(sandbox, "/protection-groups", group)["groupId"]
    plan = {"name": "load", "waves": [{"name": "all", "groups": [{"groupId": group_id}]}]}
    plan_id = _made(sandbox, "/recovery-plans", plan)["planId"]
    execution_id = _made(sandbox, f"/recovery-plans/{plan_id}/drills", None, 202)["executionId"]

    def get(path: str) -> Send:
        return lambda: sandbox.request("GET", path)

    def create_group() -> Reply:
        return sandbox.request("POST", "/protection-groups", {**group, "name": f"load {random.random()}"})

    def create_plan() -> Reply:
        return sandbox.request("POST", "/recovery-plans", {**plan, "name": f"load {random.random()}"})

    def start_readiness() -> Reply:
        return sandbox.request("POST", f"/recovery-plans/{plan_id}/readiness")

    def start_again() -> Reply:
        return sandbox.request("POST", f"/recovery-plans/{plan_id}/drills")

    return [
        (25, "GET /executions/{executionId}", get(f"/executions/{execution_id}")),
        (15, "GET /executions/{executionId}/servers", get(f"/executions/{execution_id}/servers?limit=200")),
        (10, "GET /executions", get("/executions")),
        (10, "GET /recovery-plans/{planId}", get(f"/recovery-plans/{plan_id}")),
        (10, "GET /protection-groups", get("/protection-groups")),
        (10, "GET /recovery-instances", get(f"/recovery-instances?sourceServerIds={','.join(ids)}")),
        (7, "POST /protection-groups", create_group),
        (7, "POST /recovery-plans", create_plan),
        (3, "POST /recovery-plans/{planId}/drills", start_again),
        (1, "POST /recovery-plans/{planId}/readiness", start_readiness),
        (2, "GET /health", get("/health")),
    ]


def _made(sandbox: Sandbox, path: str, body: Any, status: int = 201) -> dict[str, Any]:
    reply = sandbox.request("POST", path, body)
    assert reply.status == status, reply
    made: dict[str, Any] = reply.body
    return made


def _load(mix: list[tuple[int, str, Send]], rate: int, seconds: int) -> dict[str, Any]:
    """Send at a steady rate, without waiting for answers."""
    chosen = random.Random(7).choices(mix, [weight for weight, _, _ in mix], k=rate * seconds)
    taken, statuses = defaultdict[str, list[float]](list), defaultdict[str, Counter[str]](Counter)
    answering: list[float] = []
    parts: list[dict[str, float]] = []
    began = time.monotonic()

    def send(due: float, route: str, request: Send) -> None:
        sent_at = time.monotonic()
        reply = request()
        answering.append((time.monotonic() - sent_at) * 1_000)
        parts.append(_parts(json.loads(reply.headers[TIMES_HEADER]), answering[-1]))
        status = str(reply.status)
        taken[route].append((time.monotonic() - due) * 1_000)
        statuses[route][status] += 1

    with ThreadPoolExecutor(THREADS) as pool:
        sent = []
        for number, (_, route, request) in enumerate(chosen):
            due = began + number / rate
            time.sleep(max(due - time.monotonic(), 0))
            sent.append(pool.submit(send, due, route, request))
    for each in sent:
        each.result()
    lasted = time.monotonic() - began
    # The plan is running, so a second start is refused; anything else that is no 2xx was not meant.
    unexpected = {
        f"{route} {status}": count
        for route, counts in statuses.items()
        for status, count in counts.items()
        if not status.startswith("2") and not (status == "409" and route.endswith("/drills"))
    }
    everything = [milliseconds for each in taken.values() for milliseconds in each]
    return {
        "requests": len(chosen),
        "seconds": round(lasted, 1),
        "perSecond": round(len(chosen) / lasted, 1),
        "rateHeld": lasted <= seconds + SECONDS_LATE,
        "cores": os.cpu_count(),
        "loadAverage": round(os.getloadavg()[0], 1),
        "serverErrors": sum(count for name, count in unexpected.items() if name.rsplit(" ", 1)[1].startswith("5")),
        "unexpected": unexpected,
        "all": _spread(everything),
        "onceSent": _spread(answering),
        "parts": {name: _spread([each[name] for each in parts]) for name in parts[0]},
        "processesStarted": sum(each["start"] > 0 for each in parts),
        "routes": {route: {**_spread(taken[route]), "statuses": dict(statuses[route])} for route in sorted(taken)},
    }


def _parts(times: dict[str, float], answered: float) -> dict[str, float]:
    return {
        "function": times["function"],
        "functionCpu": times["cpu"],
        "start": times["start"],
        "engine": times["total"] - times["function"] - times["start"],
        "queue": answered - times["total"],
    }


def _spread(milliseconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive") if len(milliseconds) > 1 else milliseconds * 99
    return {
        "count": len(milliseconds),
        "medianMilliseconds": round(cuts[49], 1),
        "p95Milliseconds": round(cuts[94], 1),
        "p99Milliseconds": round(cuts[98], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
