"""A circuit breaker per target, in the CIRCUIT row of the `limits` table, so that all functions share it.

While the circuit is closed, calls go through. After `circuit_failures` calls in a row without an answer it opens, and
calls fail at once with CircuitOpen, which the state machine turns into a wait. After `circuit_seconds` one call goes
through as a trial: an answer closes the circuit, no answer opens it again. A Region that is down affects no other
target.

A call that is known to be slow and is not answered in time shows neither that the Region works nor that it is down: it
counts as neither. As a trial it leaves the circuit half-open until the time of the trial is over.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.errors import CircuitOpen, DrsUnavailable
from recovery.observability import metrics
from recovery.settings import settings

logger = Logger(child=True)
T = TypeVar("T")

# After this time another call may be the trial: the function of the first one was killed.
TRIAL_SECONDS = 60


# Characters of an error that the row keeps.
MAX_REASON = 500

# How long code that makes many calls in a row relies on a circuit that it found closed and without failures.
REMEMBERED_SECONDS = 1


class CircuitState(StrEnum):
    """HALF_OPEN: one call is on its way as a trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


def call_through_circuit(target: Target, function: Callable[[], T]) -> T:
    """Call the function unless the target's circuit is open. Raise CircuitOpen, and what the function raises."""
    circuit = _recall(target) or _Circuit.read(target)
    if circuit.state is not CircuitState.CLOSED and not circuit.claim_trial():
        raise CircuitOpen(f"{target.key} has not been answering; the next attempt is at {clock.iso(circuit.retry_at)}")
    try:
        result = function()
    except DrsUnavailable as error:
        _forget()
        if not error.facts.get("slow"):
            circuit.record_failure(error.message)
        raise
    except Exception:  # every other error is an answer, so the Region works
        circuit.record_answer()
        raise
    circuit.record_answer()
    return result


@dataclass(frozen=True, slots=True)
class CircuitStatus:
    """The circuit of a target as readers see it.

    `failures` counts the calls in a row that were not answered. While it is not closed, `opened_at` is when it opened
    last, `trial_at` when it lets a trial through (both epoch seconds), and `reason` the error of the call that opened
    it; a circuit that an earlier version opened has none.
    """

    state: CircuitState = CircuitState.CLOSED
    failures: int = 0
    opened_at: float | None = None
    trial_at: float | None = None
    reason: str | None = None


def read_circuits(targets: Iterable[Target]) -> dict[Target, CircuitStatus]:
    """The circuit of each target: one read for each, a hundred with each call."""
    wanted = {target.key: target for target in targets}
    keys = [_key(target) for target in wanted.values()]
    rows = {row["target"]: row for row in dynamodb.batch_get(settings().limits_table, keys)}
    return {target: _describe(rows.get(key, {})) for key, target in wanted.items()}


def _describe(row: Mapping[str, Any]) -> CircuitStatus:
    state, failures = CircuitState(row.get("state", CircuitState.CLOSED)), int(row.get("failures", 0))
    if state is CircuitState.CLOSED:
        return CircuitStatus(state, failures)
    opened_at = float(row.get("openedAt", 0))
    return CircuitStatus(state, failures, opened_at, opened_at + settings().circuit_seconds, row.get("reason"))


@contextmanager
def remember_circuit() -> Iterator[None]:
    """Read the circuit once a second in the block, instead of at each call, while it is closed."""
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


def _recall(target: Target) -> "_Circuit | None":
    """The circuit as it was a moment ago; None if it has to be read, as it always has outside of `remember_circuit`."""
    known = _remembered.get()
    if known is None:
        return None
    at, circuit = known.get(target, (0.0, None))
    if circuit is None or clock.now() - at >= REMEMBERED_SECONDS:
        circuit = _Circuit.read(target)
        is_sound = circuit.state is CircuitState.CLOSED and not circuit.failures
        known[target] = (clock.now(), circuit if is_sound else None)
    return circuit


def _forget() -> None:
    if known := _remembered.get():
        known.clear()


@dataclass(frozen=True, slots=True)
class _Circuit:
    """The row as this call found it. `opened_at` is epoch seconds."""

    target: Target
    state: CircuitState
    failures: int
    opened_at: float

    @classmethod
    def read(cls, target: Target) -> "_Circuit":
        row = dynamodb.get(settings().limits_table, _key(target)) or {}
        state = CircuitState(row.get("state", CircuitState.CLOSED))
        return cls(target, state, int(row.get("failures", 0)), float(row.get("openedAt", 0)))

    @property
    def retry_at(self) -> float:
        """When an open circuit lets a trial through; epoch seconds."""
        return self.opened_at + settings().circuit_seconds

    def claim_trial(self) -> bool:
        """Make this call the trial; return False when the circuit is not due for one, or another call is it."""
        now = clock.now()
        if self.state is CircuitState.OPEN and now < self.retry_at:
            return False
        claimed = dynamodb.update_if(
            settings().limits_table,
            _key(self.target),
            {"state": CircuitState.HALF_OPEN.value, "probeUntil": int(now + TRIAL_SECONDS)},
            condition="#state = :state AND (attribute_not_exists(#probeUntil) OR #probeUntil < :now)",
            given={"state": self.state.value, "now": int(now)},
        )
        if claimed:
            _report(self.target, CircuitState.HALF_OPEN)
        return claimed

    def record_failure(self, reason: str) -> None:
        """Open the circuit when a trial fails, or after the last of the failures in a row that are allowed."""
        failures = dynamodb.add(settings().limits_table, _key(self.target), "failures", 1)
        if self.state is CircuitState.CLOSED and failures < settings().circuit_failures:
            return
        values = {"state": CircuitState.OPEN.value, "openedAt": int(clock.now()), "reason": reason[:MAX_REASON]}
        if self._leave_state(values):  # else another call that failed at the same moment has opened it
            _report(self.target, CircuitState.OPEN)

    def record_answer(self) -> None:
        """Close the circuit after a trial, or forget the failures. If there were none, write nothing."""
        if self.state is not CircuitState.CLOSED:
            if self._leave_state({"state": CircuitState.CLOSED.value, "failures": 0}):
                _report(self.target, CircuitState.CLOSED)
        elif self.failures:
            dynamodb.update(settings().limits_table, _key(self.target), {"failures": 0})

    def _leave_state(self, values: Mapping[str, Any]) -> bool:
        """Write a new state over the one in which this call was made; False when the circuit has left it already."""
        before = CircuitState.CLOSED if self.state is CircuitState.CLOSED else CircuitState.HALF_OPEN
        return dynamodb.update_if(
            settings().limits_table,
            _key(self.target),
            values,
            remove=["probeUntil"],
            condition="attribute_not_exists(#state) OR #state = :before",
            given={"before": before.value},
        )


_remembered: ContextVar[dict[Target, tuple[float, _Circuit | None]] | None] = ContextVar("circuits", default=None)


def _key(target: Target) -> dict[str, str]:
    return {"target": target.key, "item": "CIRCUIT"}


def _report(target: Target, state: CircuitState) -> None:
    metrics.count_circuit_change(target, state.value)
    log = logger.warning if state is CircuitState.OPEN else logger.info
    log("circuit changed", extra={"target": target.key, "circuit": state.value})
