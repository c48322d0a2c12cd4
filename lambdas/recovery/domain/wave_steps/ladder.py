"""How a server climbs the ladder of its checks by what looks at it find, and when the next look is due.

A look asks about the check that a server is at. What it finds moves the server on, keeps it there, or settles it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from recovery import clock
from recovery.domain.wave_steps.checks import Check

# Characters of an output, and of a reason, that the record keeps: a row has room for 400 KB, and may have 100 servers.
MAX_OUTPUT, MAX_REASON = 500, 1_000

# A command on a server has an answer within seconds, and so has the next check after one that has passed.
SHORT_SECONDS = 7

# While looks are scarce, a wait is at most this part of the time since the checks began.
_PART_OF_AGE = 6

# Checks that are due within this part of the period are asked about now, so that servers stay in step.
_PART_OF_PERIOD = 4

# An execution has 25,000 events, and a look costs 9 of them. More than a third is left for outages.
LOOKS_OF_TARGET = 1_600


class Verification(StrEnum):
    """VERIFYING until a server has passed all its checks, or its time is up; the others are final for a turn."""

    VERIFYING = "VERIFYING"
    VERIFIED = "VERIFIED"
    UNVERIFIED = "UNVERIFIED"


class LaunchActions(StrEnum):
    """What is known of the launch actions of a server that DRS has not begun: nothing yet, or that there are some."""

    UNKNOWN = "UNKNOWN"
    EXPECTED = "EXPECTED"


class Found(StrEnum):
    """What a look has found of a check.

    PASSED once; NOT_YET, so that it is asked again; RUNNING, a command without a result so far; FAILED, so that its
    passes in a row begin again; HOPELESS, because no later look can find anything else.
    """

    PASSED = "PASSED"
    NOT_YET = "NOT_YET"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    HOPELESS = "HOPELESS"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a look has found, and what it says of that in words. The record keeps a `note` whatever follows."""

    found: Found
    text: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ServerChecks:
    """How far a server has climbed.

    `passed` has the names of the checks that it has passed, in the order of its ladder, and `check` is the one that it
    is at, or that it has failed; `passes` are those in a row so far. `next_at` is when it is asked again, in epoch
    seconds. `command` is the id of the command that runs for the check, sent at `sent_at`. `at` is when it was settled.
    `notes` are remarks about checks that have passed, and `actions` is what is known of launch actions to come. `job`
    launched the instance. `is_cut_off` is whether it is UNVERIFIED because its run was halted, and no check failed.
    """

    status: Verification = Verification.VERIFYING
    passed: tuple[str, ...] = ()
    check: str | None = None
    passes: int = 0
    output: str = ""
    reason: str | None = None
    at: str | None = None
    instance_id: str | None = None
    platform: str | None = None
    command: str | None = None
    sent_at: float = 0
    next_at: float = 0
    notes: tuple[str, ...] = ()
    actions: LaunchActions | None = None
    job: str | None = None
    is_cut_off: bool = False

    @classmethod
    def from_json(cls, packed: Mapping[str, Any]) -> "ServerChecks":
        """Read the entry of a CHECKS row."""
        return cls(
            status=Verification(packed["status"]),
            passed=tuple(packed.get("passed", ())),
            check=packed.get("check"),
            passes=int(packed.get("passes", 0)),
            output=packed.get("output", ""),
            reason=packed.get("reason"),
            at=packed.get("at"),
            instance_id=packed.get("instanceId"),
            platform=packed.get("platform"),
            command=packed.get("command"),
            sent_at=float(packed.get("sentAt", 0)),
            next_at=float(packed.get("nextAt", 0)),
            notes=tuple(packed.get("notes", ())),
            actions=LaunchActions(packed["actions"]) if "actions" in packed else None,
            job=packed.get("job"),
            is_cut_off=bool(packed.get("cutOff", False)),
        )

    def to_json(self) -> dict[str, Any]:
        """The inverse; what is not known is missing."""
        entry = {
            "passed": list(self.passed),
            "check": self.check,
            "passes": self.passes,
            "output": self.output,
            "reason": self.reason,
            "at": self.at,
            "instanceId": self.instance_id,
            "platform": self.platform,
            "command": self.command,
            "sentAt": self.sent_at,
            "nextAt": self.next_at,
            "notes": list(self.notes),
            "actions": self.actions,
            "job": self.job,
            "cutOff": self.is_cut_off,
        }
        return {"status": self.status.value, **{name: value for name, value in entry.items() if value}}

    def cut_texts(self, characters: int) -> "ServerChecks":
        """The same with shorter texts."""
        reason = self.reason[:characters] if self.reason else None
        return replace(self, output=self.output[:characters], reason=reason)

    @property
    def is_settled(self) -> bool:
        """Whether its checks have an answer."""
        return self.status is not Verification.VERIFYING

    def is_due(self, now: float, period: float) -> bool:
        """Whether this look asks about it."""
        return not self.is_settled and self.next_at - now <= period / _PART_OF_PERIOD

    def find_check(self, ladder: Sequence[Check]) -> Check | None:
        """The check that it is at; None once it is settled."""
        return None if self.is_settled or len(self.passed) >= len(ladder) else ladder[len(self.passed)]

    def begin_again(self, ladder: Sequence[Check]) -> "ServerChecks":
        """The same at the beginning of a turn: one that is UNVERIFIED goes on from the check that it has failed."""
        if self.status is Verification.VERIFIED:
            return self
        known = ServerChecks(
            passed=self.passed, instance_id=self.instance_id, platform=self.platform, notes=self.notes, job=self.job
        )
        return known._name_check(ladder)

    def after(self, observation: Observation, ladder: Sequence[Check], now: float, period: float) -> "ServerChecks":
        """The same after a look. Nothing changes once it is settled."""
        check = self.find_check(ladder)
        if check is None:
            return self
        text = observation.text[:MAX_OUTPUT]
        match observation.found:
            case Found.PASSED:
                notes = (*self.notes, observation.note) if observation.note else self.notes
                return replace(self, notes=notes)._after_pass(check, ladder, now, period, text)
            case Found.RUNNING:
                wait = max(SHORT_SECONDS, (now - self.sent_at) / _PART_OF_PERIOD)
                return replace(self, next_at=now + min(wait, period), output=text or self.output)
            case Found.NOT_YET:
                return replace(self, passes=0, next_at=now + period, output=text)
            case Found.FAILED:
                return replace(self, passes=0, command=None, sent_at=0, next_at=now + period, output=text)
            case Found.HOPELESS:
                return replace(self, output=text).settle_unverified(observation.text, now)

    def _after_pass(
        self, check: Check, ladder: Sequence[Check], now: float, period: float, text: str
    ) -> "ServerChecks":
        passes = self.passes + 1
        if passes < check.successes:
            return replace(self, passes=passes, command=None, sent_at=0, next_at=now + period, output=text)
        climbed = replace(
            self, passed=(*self.passed, check.name), passes=0, command=None, sent_at=0, next_at=0, output=""
        )
        if len(climbed.passed) == len(ladder):
            return replace(climbed, status=Verification.VERIFIED, check=None, at=clock.iso(now))
        return climbed._name_check(ladder)

    def _name_check(self, ladder: Sequence[Check]) -> "ServerChecks":
        check = self.find_check(ladder)
        return replace(self, check=check.name if check else None)

    def settle_unverified(self, reason: str, now: float) -> "ServerChecks":
        """The same, UNVERIFIED for this reason, unless it is settled."""
        if self.is_settled:
            return self
        return replace(
            self,
            status=Verification.UNVERIFIED,
            reason=reason[:MAX_REASON] or "without a reason",
            at=clock.iso(now),
            command=None,
            sent_at=0,
            next_at=0,
        )

    def cut_off(self, halted_because: str, now: float) -> "ServerChecks":
        """The same, UNVERIFIED because its run was halted before its checks had an answer, unless it is settled."""
        if self.is_settled:
            return self
        return replace(self.settle_unverified(f"not checked to the end: {halted_because}", now), is_cut_off=True)


def begin(ladder: Sequence[Check]) -> ServerChecks:
    """A server before its first check."""
    return ServerChecks()._name_check(ladder)


def seconds_to_next_look(
    servers: Iterable[ServerChecks], now: float, began: float, until: float, looks: int, batches: int
) -> int:
    """When the next look at a batch follows, in whole seconds.

    That is when the first of its servers is due. If there are so many batches in the target that their looks, `looks`
    of this one so far, would fill the history of the execution, it follows later: when the checks are a sixth older,
    or as the looks that are left share the rest of the time.
    """
    due = min((server.next_at for server in servers if not server.is_settled), default=now)
    left = max(LOOKS_OF_TARGET // max(batches, 1) - looks, 1)
    scarce = min((now - began) / _PART_OF_AGE, max(until - now, 0) / left)
    wait = max(due - now, SHORT_SECONDS, scarce)
    return math.ceil(max(1, min(wait, until - now + 1)))
