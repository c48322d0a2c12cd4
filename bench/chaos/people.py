"""What operators do while a run goes on: they answer what waits for them, and cancel or abort some in the middle."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.stack import Sandbox

OPEN_ACTIONS = ("RUNNING", "WAITING")
CANCEL_AT = ("checks", "actions", "reads")
"""Moments of a cancel: while servers are checked, while an action runs or waits, or after a few reads."""

# Answers about the same wave or action that may lead to the same question again; then one is given that ends it.
MOST_REPEATS = 2
ENDING = ("reject", "skip", "accept", "abort")

ABORTED = 0.3
"""The part of the runs that end in the middle which are not cancelled, but aborted in Step Functions."""


@dataclass(slots=True)
class Behaviour:
    """How operators behave in one run: whether and when they end it, and how often they have answered what.

    A run that `aborts` is aborted in Step Functions instead of cancelled; then it has `aborted`.
    """

    cancel_at: str | None = None
    reads_left: int = 0
    aborts: bool = False
    aborted: bool = False
    answered: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)


class People:
    """Draws from the chance of a scenario.

    `broken` gets a sentence for each answer that the API refuses for another reason than that it comes late, and
    `seen` counts the answers by their last word and the status of the reply.
    """

    def __init__(self, sandbox: Sandbox, chance: random.Random, broken: list[str], seen: Counter[str]) -> None:
        self._sandbox, self._chance, self._broken, self._seen = sandbox, chance, broken, seen

    def draw(self) -> Behaviour:
        """The behaviour in a new run."""
        cancel_at = self._chance.choice(CANCEL_AT) if self._chance.random() < 0.25 else None
        return Behaviour(cancel_at, self._chance.randint(2, 20), self._chance.random() < ABORTED)

    def act(self, behaviour: Behaviour, record: Mapping[str, Any]) -> None:
        """Do what the record asks for, and what the behaviour has in mind."""
        behaviour.reads_left -= 1
        if behaviour.cancel_at and _is_moment(behaviour, record):
            behaviour.cancel_at = None
            if behaviour.aborts:
                self._abort(record)
                behaviour.aborted = True
            else:
                self._send(f"/executions/{record['executionId']}/cancel")
            return
        for wait in record["waitingFor"]:
            if wait["answers"]:
                self._send(self._choose(behaviour, wait))

    def _abort(self, record: Mapping[str, Any]) -> None:
        self._sandbox.client("stepfunctions").stop_execution(executionArn=record["executionArn"], cause="chaos")
        self._seen["run aborted"] += 1

    def _choose(self, behaviour: Behaviour, wait: Mapping[str, Any]) -> str:
        """The path of one of the answers."""
        paths = [answer.removeprefix("POST ") for answer in wait["answers"]]
        subject = wait["wave"], wait.get("action")
        behaviour.answered[subject] += 1
        if (
            behaviour.answered[subject] == 1
        ):  # a wave whose servers have not passed their checks is looked at again first
            paths = [path for path in paths if path.endswith("verify")] or paths
        if behaviour.answered[subject] > MOST_REPEATS:
            paths = [path for path in paths if path.endswith(ENDING)] or paths
        return str(self._chance.choice(paths))

    def _send(self, path: str) -> None:
        """Send an answer, which may come late: what it answers may have ended meanwhile."""
        reply = self._sandbox.request("POST", path, {"comment": "a drill of chaos"})
        self._seen[f"answer {path.rpartition('/')[2]} {reply.status}"] += 1
        if reply.status not in (200, 409):
            self._broken.append(f"POST {path} answered {reply.status}: {reply.body}")


def _is_moment(behaviour: Behaviour, record: Mapping[str, Any]) -> bool:
    match behaviour.cancel_at:
        case "checks":
            return any((wave["checks"] or {}).get("checking") for wave in record["waves"])
        case "actions":
            return any(action["status"] in OPEN_ACTIONS for action in record["actions"])
        case _:
            return behaviour.reads_left <= 0
