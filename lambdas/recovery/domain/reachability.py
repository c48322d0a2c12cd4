"""Whether drs-waves reaches DRS in a target, and what to do if not."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.errors import (
    DrsWavesError,
    RateBudgetExhausted,
    RegionNotEnabled,
    TargetAccessDenied,
    TargetNotInitialized,
    TargetNotRegistered,
    Transient,
)


class ReachabilityStatus(StrEnum):
    """UNREACHABLE may pass by itself; REFUSED does not. NOT_ASKED says nothing about the target."""

    OK = "OK"
    NOT_SET_UP = "NOT_SET_UP"
    DENIED = "DENIED"
    UNREACHABLE = "UNREACHABLE"
    REFUSED = "REFUSED"
    NOT_ASKED = "NOT_ASKED"


_UNREACHABLE_ADVICE = (
    "Ask again in a minute. If it lasts, see AWS Health for the Region, whether the Region is enabled in the account, "
    "and whether its name is right."
)

_NOT_ASKED_ADVICE = "Ask again in a few seconds. Runs go first, and other requests use the rest of the calls just now."


@dataclass(frozen=True, slots=True)
class Reachability:
    """The status, with a message and advice unless it is OK."""

    status: ReachabilityStatus
    message: str | None = None
    advice: str | None = None

    @classmethod
    def of(cls, answer: Any) -> "Reachability":
        """The reachability that an answer shows, or an error in its place."""
        match answer:
            case TargetNotInitialized():
                return cls(ReachabilityStatus.NOT_SET_UP, answer.message, answer.advice)
            case TargetAccessDenied() | TargetNotRegistered() | RegionNotEnabled():
                return cls(ReachabilityStatus.DENIED, answer.message, answer.advice)
            case RateBudgetExhausted():
                return cls(ReachabilityStatus.NOT_ASKED, answer.message, _NOT_ASKED_ADVICE)
            case Transient():
                return cls(ReachabilityStatus.UNREACHABLE, answer.message, _UNREACHABLE_ADVICE)
            case DrsWavesError():
                return cls(ReachabilityStatus.REFUSED, answer.message, answer.advice)
            case _:
                return cls(ReachabilityStatus.OK)
