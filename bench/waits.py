"""Prints what waits cost: polls of jobs, events of histories, an outage of DRS, refusals of Lambda.

    PYTHONPATH=lambdas:. python -m bench.waits [--speed 60]

Writes build/bench/waits.json. Polls and their events are computed from the rules and the built machines. The other
figures are measured: the product runs in this process, with the real machines and functions. Each real second that they
need counts `speed` times, so a slow machine makes the measured times longer than on AWS.
"""

import argparse
import json
import threading
from pathlib import Path
from typing import Any

from recovery.domain import polling
from tests.support import waits
from tests.support.plans import make_plan
from tests.support.product import Product

ROOT = Path(__file__).resolve().parent.parent
MINUTE, HOUR = 60, 3_600
DURATIONS = (9, 30, 45, 60)
EXPECTATIONS = {"unknown": None, "right": 1.0, "half": 1 / 2, "a third": 1 / 3, "double": 2.0, "threefold": 3.0}
BATCHES, EVENTS_OF_BATCH = 40, 60
POLL = ("PollJob", "JobFinished?", "WaitForJob")
# A job of nine minutes, STARTED from its first second.
JOB = {"drill": {"pending": 0, "started": 9 * MINUTE}}


def main() -> None:
    """Print the figures and write them to build/bench/waits.json."""
    parser = argparse.ArgumentParser(description="What waits cost.")
    parser.add_argument("--speed", type=float, default=60, help="simulated seconds per real second (60)")
    speed = parser.parse_args().speed
    figures: dict[str, Any] = {"polls": polls(), "throttled": throttled(speed), "refused": refused(speed)}
    print(json.dumps(figures, indent=2))
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "waits.json").write_text(json.dumps(figures, indent=2))


def polls() -> list[dict[str, Any]]:
    """By duration and expectation: polls, lateness in seconds over a minute of durations, events of 40 batches."""
    of_poll = waits.events_of_path("recover_target", POLL)
    rows = []
    for minutes in DURATIONS:
        for name, factor in EXPECTATIONS.items():
            took = minutes * MINUTE
            expected = polling.EXPECTED_JOB_SECONDS if factor is None else took * factor
            seen = [_follow(took + seconds, expected) for seconds in range(-30, 31)]
            most = max(count for count, _ in seen)
            late = [seconds for _, seconds in seen]
            rows.append(
                {
                    "minutes": minutes,
                    "expected": name,
                    "polls": most,
                    "lateOnAverage": round(sum(late) / len(late)),
                    "lateAtMost": round(max(late)),
                    "eventsOf40Batches": BATCHES * (EVENTS_OF_BATCH + most * of_poll),
                }
            )
    return rows


def _follow(took: float, expected: float) -> tuple[int, float]:
    age, count = 0.0, 0
    while age < took:
        age += polling.seconds_to_next_poll(age, expected)
        count += 1
    return count, age - took


def throttled(speed: float) -> dict[str, float]:
    """The seconds that a drill takes, and that it takes longer when DRS throttles StartRecovery for 15 minutes."""
    alone = _drill(speed, 0)
    return {"alone": alone, "minutesLonger": round((_drill(speed, 15 * MINUTE) - alone) / MINUTE, 1)}


def _drill(speed: float, throttled_seconds: int) -> float:
    with Product(speed=speed, durations=JOB) as product:
        if throttled_seconds:
            product.fault("THROTTLING", operation="StartRecovery", durationSeconds=throttled_seconds)
        record = product.drill(make_plan(product), timeout=2 * HOUR / speed)
        assert record["status"] == "COMPLETED", record
        return float(record["durationSeconds"])


def refused(speed: float) -> dict[str, float]:
    """What an hour in which Lambda refuses everything, from the first poll on, adds to a drill."""
    with Product(speed=speed, durations=JOB) as product:
        runtime = product.engine.runtime

        def close(*_: Any) -> None:
            runtime.limit_concurrency(0, exempt=("Api",))
            threading.Timer(HOUR / speed, runtime.limit_concurrency, [None]).start()

        runtime.before("PollJob", close, times=1)
        record = product.drill(make_plan(product), timeout=3 * HOUR / speed)
        (machine,) = product.engine.executions("recover-target")
        tries = sum(event["type"] == "TaskFailed" for event in machine.history)
        return {
            "status": record["status"],
            "minutes": round(record["durationSeconds"] / MINUTE, 1),
            "minutesAfterTheHour": round((record["durationSeconds"] - HOUR) / MINUTE, 1),
            "triesRefused": tries,
            "eventsOfRecoverTarget": len(machine.history),
        }


if __name__ == "__main__":
    main()
