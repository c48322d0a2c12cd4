"""How an account and Region stands: whether drs-waves reaches DRS there, and what to do if not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.errors import (
    DrsWavesError,
    TargetAccessDenied,
    TargetNotInitialized,
    TargetNotRegistered,
    Transient,
)


class Reach(StrEnum):
    """REFUSED is what DRS will never answer otherwise; UNREACHABLE may pass by itself."""

    OK = "OK"
    NOT_SET_UP = "NOT_SET_UP"
    DENIED = "DENIED"
    UNREACHABLE = "UNREACHABLE"
    REFUSED = "REFUSED"


_UNREACHABLE = (
    "Ask again in a minute. If it lasts, see AWS Health for the Region, whether the Region is enabled in the account, "
    "and whether its name is right."
)


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict, the reason for it and what can be done; both None when all is well."""

    reach: Reach
    reason: str | None = None
    advice: str | None = None

    @classmethod
    def of(cls, answer: Any) -> "Standing":
        """The standing that an answer, or the error in its place, says."""
        match answer:
            case TargetNotInitialized():
                return cls(Reach.NOT_SET_UP, answer.message, answer.advice)
            case TargetAccessDenied() | TargetNotRegistered():
                return cls(Reach.DENIED, answer.message, answer.advice)
            case Transient():
                return cls(Reach.UNREACHABLE, answer.message, _UNREACHABLE)
            case DrsWavesError():
                return cls(Reach.REFUSED, answer.message, answer.advice)
            case _:
                return cls(Reach.OK)

    def to_json(self) -> Mapping[str, Any]:
        """As the API shows it."""
        return {"status": self.reach.value, "message": self.reason, "advice": self.advice}
