"""The answer of a readiness run, as its plan keeps it, and how it differs from the one before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recovery.domain.findings.finding import Finding, Severity

# A plan may nearly fill its row of 400 KB, so what is kept beside it is short.
MAX_REASON, MAX_CODES = 500, 40


class AnswerStatus(StrEnum):
    """The statuses of a readiness run that has answered. One that was cancelled or broke says nothing of its plan."""

    READY = "READY"
    NOT_READY = "NOT_READY"

    @classmethod
    def of_run(cls, status: str) -> "AnswerStatus | None":
        """The answer that a run with this status has given; None if it is none."""
        return cls(status) if status in cls.__members__ else None


@dataclass(frozen=True, slots=True)
class ReadinessAnswer:
    """What a readiness run has answered. `at` is when it ended, `counts` the findings by severity, `codes` the blocking
    ones, sorted.
    """

    execution_id: str
    status: AnswerStatus
    at: str
    reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    codes: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether a run of the plan would not be refused."""
        return self.status is AnswerStatus.READY

    @classmethod
    def of_run(
        cls, execution_id: str, status: AnswerStatus, at: str, reason: str, findings: Sequence[Finding]
    ) -> "ReadinessAnswer":
        """The answer of a run with these findings."""
        codes = sorted({each.code for each in findings if each.severity is Severity.BLOCKING})
        counts = Counter(each.severity.value for each in findings)
        return cls(execution_id, status, at, reason[:MAX_REASON], dict(counts), tuple(codes[:MAX_CODES]))

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "ReadinessAnswer":
        """Read `lastReadiness` of a row of the recovery-plans table."""
        return cls(
            execution_id=item["executionId"],
            status=AnswerStatus(item["status"]),
            at=item["at"],
            reason=item.get("reason", ""),
            counts={severity: int(count) for severity, count in item.get("findings", {}).items()},
            codes=tuple(item.get("blockingCodes", ())),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse, with a count for each severity."""
        return {
            "executionId": self.execution_id,
            "status": self.status.value,
            "at": self.at,
            "reason": self.reason,
            "findings": {severity.value: self.counts.get(severity.value, 0) for severity in Severity},
            "blockingCodes": list(self.codes),
        }


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """An answer after the one before it, None for the first of a plan."""

    before: ReadinessAnswer | None
    now: ReadinessAnswer

    @property
    def new_codes(self) -> tuple[str, ...]:
        """Blocking codes that the answer before did not have."""
        before = self.before.codes if self.before else ()
        return tuple(code for code in self.now.codes if code not in before)

    @property
    def gone_codes(self) -> tuple[str, ...]:
        """Blocking codes that only the answer before had."""
        return tuple(code for code in (self.before.codes if self.before else ()) if code not in self.now.codes)

    @property
    def is_news(self) -> bool:
        """Whether operators should hear of it: another status, or other blocking codes. A first READY is no news."""
        if self.before is None:
            return not self.now.is_ready
        return self.before.status is not self.now.status or bool(self.new_codes or self.gone_codes)
