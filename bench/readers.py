"""Compares a recovery of 100 servers beside forty looping viewers with the same recovery alone.

    PYTHONPATH=lambdas python -m bench.readers [--servers 100] [--viewers 40] [--speed 4]

Writes build/bench/readers.json. Exits with 1 when the recovery beside the viewers takes more than 1.1 times as long.

The viewers ask for what calls DRS in the target of the recovery: its source servers and its capacity. Each sends the
next request as soon as the one before is answered, and a real second after a refusal. The product runs in this process,
with the real machines and functions, but without API Gateway: only the shares of calls hold the viewers back.

DRS's jobs take six minutes here, and on AWS 20; a longer job would only hide what the viewers cost. A recovery calls
DRS once for each server before its start, which is when it needs calls most.

Each real second that the viewers' load costs the run counts `speed` times, because all share one process. At 4 that is
little on a machine that does nothing else; at 60 the figure would show the machine and not the product. One more
recovery, beside viewers of another target, shows that part: they load the machine as much and take none of its calls.
"""

import argparse
import contextlib
import itertools
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox import drill
from tests.support.looping import looping, without_buckets
from tests.support.product import HUB, SHORT_DURATIONS, Product

ROOT = Path(__file__).resolve().parent.parent
# A target for each run, so that none knows how long the jobs of another took.
WARM_UP_REGION, ALONE_REGION, BESIDE_OTHERS_REGION, BESIDE_REGION = (
    "eu-central-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
OTHER_REGION = "eu-west-1"
SECONDS_AFTER_REFUSAL = 1
HIGHEST_RATIO = 1.1


def main() -> int:
    options = _options()
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),  # where functions write their logs and metrics
        pytest.MonkeyPatch.context() as patch,
        Product(speed=options.speed, durations={"recovery": {"pending": 5, "started": 5}}) as product,
    ):
        without_buckets(patch)
        _recover(product, WARM_UP_REGION, 1)
        product.emulator.control.change_settings({"spread": 0, "durations": dict(SHORT_DURATIONS)})
        alone = _recover(product, ALONE_REGION, options.servers)
        product.seed(options.servers, region=OTHER_REGION)
        with _viewers(product, OTHER_REGION, options.viewers):
            beside_others = _recover(product, BESIDE_OTHERS_REGION, options.servers)
        product.seed(1, region=BESIDE_REGION)
        with _viewers(product, BESIDE_REGION, options.viewers) as answers:
            beside = _recover(product, BESIDE_REGION, options.servers)
    figures = {
        "servers": options.servers,
        "viewers": options.viewers,
        "timeScale": options.speed,
        "cores": os.cpu_count(),
        "loadAverage": round(os.getloadavg()[0], 1),
        "alone": alone,
        "besideViewersOfAnotherTarget": beside_others,
        "beside": beside,
        "ratio": round(beside["planSeconds"] / alone["planSeconds"], 4),
        "ratioToViewersOfAnotherTarget": round(beside["planSeconds"] / beside_others["planSeconds"], 4),
        "answersToViewers": dict(answers.most_common()),
    }
    drill.write_figures(figures, ROOT / "build" / "bench" / "readers.json")
    print(json.dumps(figures, indent=2))
    holds = figures["ratio"] <= HIGHEST_RATIO and answers["200 OK"] > 0
    return 0 if holds and alone["status"] == beside["status"] == "COMPLETED" else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=100, help="source servers of each recovery")
    parser.add_argument("--viewers", type=int, default=40, help="viewers that loop")
    parser.add_argument("--speed", type=float, default=4, help="simulated seconds to a real one")
    return parser.parse_args()


def _recover(product: Product, region: str, servers: int) -> dict[str, Any]:
    """Recover so many new servers of the Region; return the simulated seconds that it took, and those to the start."""
    ids = product.seed(servers, region=region, prefix=region)
    plan = product.plan({"name": "all", "groups": [product.group(ids, region=region)]})
    record = product.finish(product.start(plan, "recoveries"), timeout=1_800)
    print(f"{region}: {record['status']} {record['reason']}", file=sys.stderr)
    requested = _seconds(record["requestedAt"])
    started = min(_seconds(job["creationDateTime"]) for job in product.jobs(region=region))
    return {
        "status": record["status"],
        "planSeconds": round(_seconds(record["endedAt"]) - requested, 1),
        "secondsToStart": round(started - requested, 1),
    }


@contextlib.contextmanager
def _viewers(product: Product, region: str, count: int) -> Iterator[Counter[str]]:
    """Viewers of the Region that loop until the block ends; yield what they are answered, by status and outcome."""
    answers, lock, stop = Counter[str](), threading.Lock(), threading.Event()
    paths = itertools.cycle((f"/targets/{HUB}/{region}/source-servers", f"/capacity/{HUB}/{region}"))

    def ask() -> None:
        with lock:
            path = next(paths)
        reply = product.request("GET", path)
        outcome = reply.body.get("code") or reply.body.get("status") or "OK"
        with lock:
            answers[f"{reply.status} {outcome}"] += 1
        if outcome != "OK":
            stop.wait(SECONDS_AFTER_REFUSAL)

    with looping(ask, count):
        try:
            yield answers
        finally:
            stop.set()


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


if __name__ == "__main__":
    sys.exit(main())
