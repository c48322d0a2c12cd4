"""Callers that repeat a call, each as a function of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from recovery.drs import rate_limiter
from recovery.drs.rate_limiter import TokenBucket


def without_buckets(patch: pytest.MonkeyPatch) -> None:
    """Let each call of the rate limiter be one of another function: on AWS each is a process with its own buckets."""
    patch.setattr(rate_limiter, "get_bucket", lambda *names: TokenBucket(1_000, 1_000))


@contextmanager
def looping(what: Callable[[], object], callers: int, pause: float = 0) -> Iterator[None]:
    """Threads that call `what` again and again for as long as the block lasts, each after a pause of real seconds.

    Without a pause they take the processor from what a test measures beside them.
    """
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(pause):
            what()

    threads = [threading.Thread(target=loop) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
