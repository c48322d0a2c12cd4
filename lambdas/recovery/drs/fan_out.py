"""Asks many targets at once, within the time that API Gateway allows. Only the API uses it."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TypeVar

from recovery.aws import dynamodb
from recovery.aws.dynamodb import MAX_WRITERS
from recovery.errors import DrsWavesError, TargetTooSlow

K = TypeVar("K")
T = TypeVar("T")

# API Gateway stops waiting after 29 s. The rest is for a cold start and the response.
TIMEOUT_SECONDS = 22.0

# The threads share botocore's pool of ten connections to DynamoDB.
MAX_THREADS = MAX_WRITERS


def ask_all(
    targets: Iterable[K], ask: Callable[[K], T], seconds: float = TIMEOUT_SECONDS
) -> dict[K, T | DrsWavesError]:
    """Call `ask` for each target; return each result or error of ours, and TargetTooSlow for those without an answer.

    What fails or hangs does not delay the others. A thread that still waits ends by itself.
    """
    dynamodb.client()  # created once, before the threads share it
    pool = ThreadPoolExecutor(MAX_THREADS)
    # The copied context keeps the request's correlation id in the log lines of the threads.
    asked = {target: pool.submit(copy_context().run, ask, target) for target in targets}
    done, _ = wait(asked.values(), timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    late = TargetTooSlow(f"there was no answer after {seconds:g} s")
    outcomes: dict[K, T | DrsWavesError] = {}
    for target, future in asked.items():
        try:
            outcomes[target] = future.result() if future in done else late
        except DrsWavesError as error:
            outcomes[target] = error
    return outcomes
