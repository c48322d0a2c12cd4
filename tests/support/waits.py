"""Computes, from the built state machines, what their waits and retries take in time and in events of the history."""

import functools
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts import machines
from tests.harness import asl, jsonata_evaluator
from tests.harness.asl import Definition

# What a state without an error adds to the history: entered and exited, and for a Task scheduled, started, succeeded.
# A try that fails adds three, too. https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
EVENTS = {"Task": 5, "Choice": 2, "Pass": 2, "Wait": 2}
EVENTS_OF_A_TRY = 3


@functools.cache
def machine(name: str) -> Definition:
    """A built machine, such as recover_target."""
    file = machines.BUILT / f"{name}.asl.json"
    return asl.load(file, dict.fromkeys(asl.placeholders(file), "arn:aws:any"))


@functools.cache
def state(name: str, where: str) -> dict[str, Any]:
    """The body of a state of a machine."""
    return next(one.body for one in asl.states(machine(name)) if one.name == where)


def events_of_path(name: str, path: Sequence[str]) -> int:
    """The events of these states in a row. Raise AssertionError if the machine cannot go from one to the next."""
    bodies = {where: state(name, where) for where in path}
    for before, after in itertools.pairwise(path):
        assert after in asl.successors(bodies[before]), f"{before} does not lead to {after}"
    return sum(EVENTS[bodies[where]["Type"]] for where in path)


def retrier(name: str, where: str, error: str) -> dict[str, Any]:
    """The retrier that a state has for an error."""
    return next(rule for rule in state(name, where)["Retry"] if error in rule["ErrorEquals"])


def longest_delays(rule: Mapping[str, Any]) -> list[float]:
    """The delay before each retry, in seconds, of which full jitter takes a random part."""
    assert rule["JitterStrategy"] == "FULL"
    growing = (rule["IntervalSeconds"] * rule["BackoffRate"] ** number for number in range(rule["MaxAttempts"]))
    return [min(delay, rule["MaxDelaySeconds"]) for delay in growing]


@functools.cache
def wait_seconds(name: str, where: str, **variables: Any) -> int:
    """How long a Wait state waits."""
    text = state(name, where)["Seconds"]
    return int(jsonata_evaluator.Expression(text[2:-2]).evaluate(variables))


def tries_of_a_batch(error: str, chance: random.Random) -> Iterator[tuple[float, int]]:
    """When StartRecovery is tried, in seconds since the first try, and the failures so far; every try fails.

    Tries themselves take no time here. On AWS they only add to the time between two waits.
    """
    delays = longest_delays(retrier("recover_target", "StartRecovery", error))
    age, failures = 0.0, 0
    while True:
        yield age, failures
        for delay in delays:
            age += chance.uniform(0, delay)
            yield age, failures
        failures += 1
        age += wait_seconds("recover_target", "WaitForDrs", consecutiveFailures=failures)
