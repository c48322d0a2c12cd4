"""Follows and controls a run through the API, as operators do."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.harness.moto_patches.internals import row_writes
from tests.support.product import Product, Reply

# A test that looks without a pause takes the processor from the run that it looks at, whose simulated clock goes on.
SECONDS_BETWEEN_LOOKS = 0.005
MIN_SECONDS_BETWEEN_READS = 0.05
MAX_SECONDS_BETWEEN_READS = 0.5
"""Some of what the API answers changes with time alone, without a write."""


def wait_until(
    product: Product, execution_id: str, holds: Callable[[dict[str, Any]], Any], seconds: float = 60
) -> dict[str, Any]:
    """The run's record as soon as `holds` is true of it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = row_writes.count
        record: dict[str, Any] = product.request("GET", f"/executions/{execution_id}").body
        if holds(record):
            return record
        time.sleep(MIN_SECONDS_BETWEEN_READS)
        row_writes.wait_for_more_than(seen, MAX_SECONDS_BETWEEN_READS)
    raise AssertionError(f"not within {seconds} s: {json.dumps(record, indent=1)[:3_000]}")


def wait_for_calls(product: Product, operation: str, count: int = 1, seconds: float = 60) -> None:
    """Wait until DRS has received that many calls of the operation."""
    deadline = time.monotonic() + seconds
    while product.calls().get(operation, 0) < count:
        assert time.monotonic() < deadline, product.calls()
        time.sleep(SECONDS_BETWEEN_LOOKS)


def pass_seconds(product: Product, simulated: float) -> None:
    """Let this many seconds of the product's clock pass."""
    until = product.emulator.world.clock.now() + simulated
    while product.emulator.world.clock.now() < until:
        time.sleep(SECONDS_BETWEEN_LOOKS)


def wait_until_asked_for(product: Product, execution_id: str, kind: str) -> dict[str, Any]:
    """The run's record as soon as the run waits for an operator, for example for an APPROVAL."""
    return wait_until(product, execution_id, lambda record: any(wait["for"] == kind for wait in record["waitingFor"]))


@contextmanager
def held_jobs(product: Product) -> Iterator[None]:
    """Keep the jobs that start meanwhile PENDING, so that a test can act while one is on, however long that takes."""
    fault = product.emulator.world.faults.add({"kind": "JOB_STAYS_PENDING"}, product.emulator.world.clock.now())
    yield
    product.emulator.control.remove_faults(fault)


@contextmanager
def launching_run(product: Product, plan_id: str) -> Iterator[str]:
    """The id of a new drill whose first job is on until the end of the block."""
    with held_jobs(product):
        run = product.start(plan_id)
        wait_until(product, run, lambda record: record["servers"]["launching"])
        yield run


def decide(product: Product, execution_id: str, decision: str, comment: str = "") -> Reply:
    """Send a decision: `approve`, `pause`, `retry` and so on."""
    body = {"comment": comment} if comment else None
    return product.request("POST", f"/executions/{execution_id}/{decision}", body)


def wave_statuses(record: dict[str, Any]) -> dict[str, str]:
    """The status of each wave by its name."""
    return {wave["name"]: wave["status"] for wave in record["waves"]}
