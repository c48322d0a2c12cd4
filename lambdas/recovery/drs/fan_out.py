"""Many accounts and Regions asked at once, within the time that API Gateway leaves."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from recovery.aws import dynamodb
from recovery.aws.dynamodb import MAX_WRITERS
from recovery.domain.target import Target
from recovery.errors import DrsWavesError, TargetTooSlow

T = TypeVar("T")


# API Gateway gives up after 29 s; the rest is for a cold start and the answer.
TIMEOUT_SECONDS = 22.0


# As many as share the connections to DynamoDB, which botocore keeps ten of.
MAX_THREADS = MAX_WRITERS


def ask_all(
    targets: Iterable[Target], ask: Callable[[Target], T], seconds: float = TIMEOUT_SECONDS
) -> dict[Target, T | DrsWavesError]:
    """Each target's answer, or the error of ours that asking it came to; TargetTooSlow for what took too long.

    One target that fails or hangs keeps no other from being answered. A thread that is still on its way is left to
    end by itself.
    """
    dynamodb.client()  # made once, before the threads share it
    pool = ThreadPoolExecutor(MAX_THREADS)
    # In a copy of the context, so that the threads log under the request's correlation id.
    asked = {target: pool.submit(copy_context().run, ask, target) for target in targets}
    done, _ = wait(asked.values(), timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    late = TargetTooSlow(f"there was no answer after {seconds:g} s")
    outcomes: dict[Target, T | DrsWavesError] = {}
    for target, future in asked.items():
        try:
            outcomes[target] = future.result() if future in done else late
        except DrsWavesError as error:
            outcomes[target] = error
    return outcomes
