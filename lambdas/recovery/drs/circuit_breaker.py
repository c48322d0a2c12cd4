"""A circuit breaker for each target, kept in the limits table, so that all functions know that a Region is down.

Closed: calls go through. After a number of calls in a row without an answer it opens, and calls fail at once with
CircuitOpen, which the state machine turns into a wait. When the timeout has passed, one call is let through; if it
is answered the circuit closes, else it opens again. A Region that is down never touches another's circuit.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from aws_lambda_powertools import Logger
from pybreaker import (
    STATE_CLOSED,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitBreakerStorage,
)

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.errors import CircuitOpen, DrsUnavailable
from recovery.observability import metrics
from recovery.settings import settings

logger = Logger(child=True)
T = TypeVar("T")


# The one call that is let through has this long to come back before another may be.
PROBE_SECONDS = 60


def call_through_circuit(target: Target, function: Callable[[], T]) -> T:
    """Call the function if the target's circuit lets it; raise CircuitOpen when not."""
    row = _Row(target)
    if row.state != STATE_CLOSED and not row.claim_probe():
        raise CircuitOpen(f"{target.key} has not been answering; the next attempt is at {clock.iso(row.retry_at)}")
    breaker = CircuitBreaker(
        fail_max=settings().circuit_failures,
        reset_timeout=0,  # the row's own claim decides when a call is let through
        exclude=[lambda error: not isinstance(error, DrsUnavailable)],
        listeners=[_Tell(target)],
        state_storage=row,
        throw_new_error_on_trip=False,
    )
    try:
        return breaker.call(function)
    except CircuitBreakerError as error:
        raise CircuitOpen(f"{target.key}: {error}") from error


class _Tell(CircuitBreakerListener):
    def __init__(self, target: Target) -> None:
        self._target = target

    def state_change(self, cb: CircuitBreaker, old_state: Any, new_state: Any) -> None:
        metrics.count_circuit_change(self._target, new_state.name)
        tell = logger.warning if new_state.name == STATE_OPEN else logger.info
        tell("circuit changed", extra={"target": self._target.key, "circuit": new_state.name})


class _Row(CircuitBreakerStorage):
    """The target's CIRCUIT row."""

    def __init__(self, target: Target) -> None:
        super().__init__("dynamodb")
        self._key = {"target": target.key, "what": "CIRCUIT"}
        row = dynamodb.get(settings().limits_table, self._key) or {}
        self._state = row.get("state", STATE_CLOSED)
        self._failures = int(row.get("failures", 0))
        self._successes = 0
        self._opened_at = float(row.get("openedAt", 0))

    @property
    def retry_at(self) -> float:
        """When the circuit, if it is open, lets a call through; epoch seconds."""
        return self._opened_at + settings().circuit_seconds

    def claim_probe(self) -> bool:
        """May this be the call that is let through? Of many functions that ask, one is told so."""
        now = clock.now()
        if self._state == STATE_OPEN and now < self.retry_at:
            return False
        return dynamodb.update_if(
            settings().limits_table,
            self._key,
            {"probeUntil": int(now + PROBE_SECONDS)},
            condition="attribute_not_exists(#probeUntil) OR #probeUntil < :now",
            given={"now": int(now)},
        )

    def _write(self, remove: list[str] | None = None, **values: Any) -> None:
        dynamodb.update(settings().limits_table, self._key, values, remove=remove or [])

    @property
    def state(self) -> str:
        return str(self._state)

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        if state == STATE_CLOSED:
            self._failures = 0
            self._write(state=state, failures=0, remove=["probeUntil"])
        elif state == STATE_OPEN:
            self._write(state=state, openedAt=int(self._opened_at), remove=["probeUntil"])
        else:
            self._write(state=state)

    def increment_counter(self) -> None:
        self._failures = dynamodb.add(settings().limits_table, self._key, "failures", 1)

    def reset_counter(self) -> None:
        if self._failures:  # most calls succeed after a success, and write nothing
            self._failures = 0
            self._write(failures=0)

    def increment_success_counter(self) -> None:
        self._successes += 1

    def reset_success_counter(self) -> None:
        self._successes = 0

    @property
    def counter(self) -> int:
        return self._failures

    @property
    def success_counter(self) -> int:
        return self._successes

    @property
    def opened_at(self) -> datetime | None:
        """None, so that pybreaker lets every call through that holds the claim; its own clock is not the product's."""
        return None

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        self._opened_at = clock.now()  # the product's clock, whatever pybreaker's says
