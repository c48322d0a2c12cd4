"""Measures the memory of each function on a large fleet, from which MemorySize in cfn/template.yaml is chosen.

    python -m bench.memory [--servers 2000] [--speed 60] [--port 4610]

One plan of two waves over all servers, in one account and Region: a drill that is aborted and so closed by its rule,
a drill to its end, a sync, the largest answers of the API, and the clean-up. Each function is a Python process of its
own here, as on AWS, and its peak is the kernel's VmHWM. What is installed in .venv beside what functions have on AWS
(awscrt, pyOpenSSL) counts too, some 15 MB that are not there.

Writes build/bench/memory.json and exits with 1 when a function has taken more than half of its MemorySize.
"""

import argparse
import contextlib
import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sandbox import drill, seeding
from sandbox.engine import WITHOUT
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
SYNC = "/drs/recovery-instance-sync"
# A process that is gone has told its last peak by then.
LOOK_SECONDS = 0.5


def main() -> int:
    options = _options()
    os.environ[WITHOUT] = "fork_environments"  # forks would share, and count, what all of them have imported
    peaks: dict[str, int] = defaultdict(int)
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=options.speed, on_progress=print) as sandbox:
        with _watched(sandbox, peaks):
            _work(sandbox, options.servers)
        sizes = _sizes(sandbox)
    figures = {
        "servers": options.servers,
        "functions": {
            name: {"peakMegabytes": round(peaks[name] / 1024) if name in peaks else None, "memorySize": size}
            for name, size in sorted(sizes.items())
        },
    }
    small = [name for name, size in sizes.items() if peaks.get(name, 0) / 1024 > size / 2]
    drill.write_figures({**figures, "tooSmall": small}, ROOT / "build" / "bench" / "memory.json")
    print(json.dumps({**figures, "tooSmall": small}, indent=2))
    return 1 if small else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=2_000, help="source servers of the plan")
    parser.add_argument("--speed", type=float, default=60, help="simulated seconds to a real one")
    parser.add_argument("--port", type=int, default=4610, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _work(sandbox: Sandbox, servers: int) -> None:
    seeding.register_accounts(sandbox)
    waves = []
    for number, count in enumerate((servers // 2, servers - servers // 2), 1):
        body = [{"hostname": f"host-{number}-{each:04}", "tags": {"half": str(number)}} for each in range(count)]
        seeded = {"accountId": HUB_ACCOUNT, "region": REGION, "servers": body}
        ids = sandbox.control_emulator("POST", "/source-servers", seeded)["sourceServerIDs"]
        group = {"name": f"half {number}", "accountId": HUB_ACCOUNT, "region": REGION, "tags": {"half": str(number)}}
        waves.append(
            {"name": f"half-{number}", "groups": [{"groupId": _sent(sandbox, "/protection-groups", group)["groupId"]}]}
        )
    plan_id = _sent(sandbox, "/recovery-plans", {"name": "memory", "waves": waves})["planId"]

    print("a drill that is aborted")
    aborted = _sent(sandbox, f"/recovery-plans/{plan_id}/drills")["executionId"]
    running = _until(sandbox, aborted, lambda record: record["servers"]["launching"] > 0)
    sandbox.client("stepfunctions").stop_execution(executionArn=running["executionArn"])
    _until(sandbox, aborted, lambda record: record["endedAt"] is not None)
    print("a drill")
    record = drill.run(sandbox, plan_id, lambda record: None).record
    print(f"{record['status']}: {record['reason']}")
    execution_id = record["executionId"]
    print("a sync, reads and the clean-up")
    sync = _sent(sandbox, SYNC)["sync"]
    arn = sandbox.outputs["SyncCacheArn"].replace(":stateMachine:", ":execution:") + f":{sync}"
    states = sandbox.client("stepfunctions")
    while states.describe_execution(executionArn=arn)["status"] == "RUNNING":
        time.sleep(0.5)
    drill.list_servers(sandbox, execution_id)
    for path in (
        f"/executions/{execution_id}/events",
        f"/recovery-instances?executionId={execution_id}&limit=200",
        f"/recovery-instances?sourceServerIds={','.join(ids[:100])}",
        f"/targets/{HUB_ACCOUNT}/{REGION}/source-servers?limit=200",
        f"/capacity/{HUB_ACCOUNT}/{REGION}",
        "/openapi.json",
    ):
        assert sandbox.request("GET", path).status == 200, path
    _sent(sandbox, f"/executions/{execution_id}/cleanup")
    while sandbox.request("GET", f"/executions/{execution_id}/cleanup").body["status"] == "RUNNING":
        sandbox.require_alive()
        time.sleep(0.5)


def _sent(sandbox: Sandbox, path: str, body: Any = None) -> dict[str, Any]:
    reply = sandbox.request("POST", path, body)
    assert reply.status in (200, 201, 202), reply
    answered: dict[str, Any] = reply.body
    return answered


def _until(sandbox: Sandbox, execution_id: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The run's record as soon as this is true of it."""
    while True:
        record: dict[str, Any] = sandbox.request("GET", f"/executions/{execution_id}").body
        if holds(record):
            return record
        sandbox.require_alive()
        time.sleep(0.3)


def _sizes(sandbox: Sandbox) -> dict[str, int]:
    """MemorySize by function."""
    pages = sandbox.client("lambda").get_paginator("list_functions").paginate()
    return {each["FunctionName"]: each["MemorySize"] for page in pages for each in page["Functions"]}


@contextlib.contextmanager
def _watched(sandbox: Sandbox, peaks: dict[str, int]) -> Iterator[None]:
    """Keep the highest peak of each function's processes, in KiB."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            _look(str(sandbox.folder), peaks)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _look(str(sandbox.folder), peaks)


def _look(folder: str, peaks: dict[str, int]) -> None:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if folder not in (process / "cmdline").read_text() or "_worker.py" not in (process / "cmdline").read_text():
                continue
            variables = (process / "environ").read_text().split("\0")
            (name,) = (each.partition("=")[2] for each in variables if each.startswith("AWS_LAMBDA_FUNCTION_NAME="))
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            if "VmHWM" in status:  # a zombie has none
                peaks[name] = max(peaks[name], int(status["VmHWM"].split()[0]))


if __name__ == "__main__":
    sys.exit(main())
