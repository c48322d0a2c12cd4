"""Approvals: a wave that has one waits for an operator before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# An approval without an answer must not delay a run for ever.
DEFAULT_APPROVAL_MINUTES = 24 * 60


class OnTimeout(StrEnum):
    """What an approval without an answer counts as after its deadline."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Approval:
    """A wave starts only after an operator has approved it; `on_timeout` applies after `timeout_minutes`."""

    timeout_minutes: int = DEFAULT_APPROVAL_MINUTES
    on_timeout: OnTimeout = OnTimeout.REJECT

    @classmethod
    def from_item(cls, item: Mapping[str, Any] | None) -> "Approval | None":
        """Read the approval of a stored wave; None when the wave needs none."""
        if not item or not item.get("required"):
            return None
        minutes = int(item.get("timeoutMinutes", DEFAULT_APPROVAL_MINUTES))
        return cls(minutes, OnTimeout(item.get("onTimeout", "reject")))

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        return {"required": True, "timeoutMinutes": self.timeout_minutes, "onTimeout": self.on_timeout.value}
