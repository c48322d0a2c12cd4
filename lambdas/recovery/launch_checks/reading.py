"""Reads of a target that it may refuse: what is not read is noted once, and the rest is looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from aws_lambda_powertools import Logger

from recovery.domain.findings.codes import Code
from recovery.domain.findings.gathering import Found
from recovery.domain.target import Target
from recovery.errors import TargetAccessDenied
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services.permissions import Permission

logger = Logger(child=True)

T = TypeVar("T")


@dataclass(slots=True)
class Reader:
    """Makes reads of one target. `denied` and `failed` name what was not read, with the reason."""

    target: Target
    denied: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def read(self, what: str, ask: Callable[[], T]) -> T | None:
        """What `ask` returns; None if the target refuses it. Raise errors that are transient."""
        try:
            return ask()
        except TargetAccessDenied as error:
            self.denied[what] = error.message
        except (TargetRefused, NotInTarget) as error:
            self.failed[what] = error.message
        logger.warning("not looked at", extra={"target": self.target.key, "what": what})
        return None

    def list_notes(self) -> list[Found]:
        """One note about everything that is not permitted, and one about everything that was refused otherwise."""
        notes = []
        if self.denied:
            first = next(iter(self.denied.values()))
            evidence = (
                f"the role in {self.target.key} does not permit to read {', '.join(self.denied)} "
                f"(parameter {Permission.READINESS.value} of cfn/target_account.yaml): {first}"
            )
            notes.append(Found(Code.NOT_LOOKED_AT, evidence, remedy=Permission.READINESS.advice))
        if self.failed:
            reasons = "; ".join(f"{what}: {reason}" for what, reason in self.failed.items())
            notes.append(Found(Code.NOT_LOOKED_AT, f"{self.target.key} did not show {reasons}", remedy="Try again."))
        return notes
