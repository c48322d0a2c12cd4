"""Short retries of reads within one invocation. Longer faults are retried by the state machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from aws_lambda_powertools import Logger
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_exponential, wait_random_exponential

from recovery import clock
from recovery.errors import DrsThrottled, DrsUnavailable, DrsWavesError, RetryExhausted

logger = Logger(child=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts`. Waits double from `base_seconds` to `cap_seconds`; `jitter` draws each from 0 to that."""

    attempts: int = 3
    base_seconds: float = 0.5
    cap_seconds: float = 2.0
    jitter: bool = True

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.base_seconds < 0 or self.cap_seconds < self.base_seconds:
            raise ValueError(f"a retry policy needs attempts >= 1 and 0 <= base <= cap, not {self}")

    def waits(self) -> wait_base:
        """The waits as tenacity expects them."""
        kind = wait_random_exponential if self.jitter else wait_exponential
        return kind(multiplier=self.base_seconds, max=self.cap_seconds)


RETRYABLE_ERRORS = (DrsThrottled, DrsUnavailable)


def call_with_retries(
    operation: str,
    function: Callable[[], T],
    policy: RetryPolicy = RetryPolicy(),  # frozen
    on_retry: Callable[[int], None] = lambda attempt: None,
    retryable: tuple[type[DrsWavesError], ...] = RETRYABLE_ERRORS,
) -> T:
    """Call the function, and again after a retryable error. Raise RetryExhausted after the last attempt.

    `on_retry` receives the number of the next attempt. Other errors, such as CircuitOpen, pass through.
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        logger.warning(
            "retrying call",
            extra={"operation": operation, "attempt": state.attempt_number + 1, "error": type(error).__name__},
        )
        on_retry(state.attempt_number + 1)

    retrying = Retrying(
        stop=stop_after_attempt(policy.attempts),
        wait=policy.waits(),
        retry=retry_if_exception_type(retryable),
        sleep=clock.sleep,
        before_sleep=before_sleep,
    )
    try:
        return retrying(function)
    except RetryError as error:
        last = error.last_attempt.exception()
        raise RetryExhausted(
            f"{operation}: no success in {policy.attempts} attempts; the last error: {last}",
            operation=operation,
            attempts=policy.attempts,
            cause=f"{type(last).__name__}: {last}",
        ) from last
