"""What a page says of a decision: just after it was made, and to the person whose answer came too late."""

from collections.abc import Mapping
from typing import Any

from console.reading.decisions.choices import Choice

# What was done, and what comes next. A dialog of a wave that has ended checks servers only.
_OF_WAVE = {
    "approve": "Approved {}: it starts now.",
    "reject": "Rejected {}: it is skipped.",
    "retry": "Retried {}: what failed in it starts again now.",
    "verify": "Verified {} again: the checks of its servers start now.",
    "accept": "Accepted {} as it is: the run goes on.",
    "abort": "Gave up {}: the run starts no further wave.",
}
_OF_ACTION = {
    "confirm": "Confirmed {}: the run goes on.",
    "reject": "Rejected {}: the action counts as failed.",
    "retry": "Retried {}: the action runs again now.",
    "skip": "Skipped {}: the run goes on as if the action had succeeded.",
    "abort": "Let {} fail: the action counts as failed.",
}
_OF_RUN = {
    "pause": "Paused {}: no further wave or batch starts until a person resumes it.",
    "resume": "Resumed {}: it goes on.",
    "cancel": "Cancelled {}: nothing more starts; it ends when its DRS jobs have ended.",
}
_PAST = {
    "approve": "approved {}",
    "reject": "rejected {}",
    "retry": "retried {}",
    "verify": "verified {} again",
    "accept": "accepted {} as it is",
    "abort": "given up {}",
    "confirm": "confirmed {}",
    "skip": "skipped {}",
    "pause": "paused {}",
    "resume": "resumed {}",
    "cancel": "cancelled {}",
}


def describe_done(choice: Choice) -> str:
    """`Approved web: it starts now.`"""
    words = _OF_WAVE if choice.wave else _OF_ACTION if choice.action else _OF_RUN
    return words[choice.decision].format(choice.subject)


def describe_earlier(choice: Choice, decision: Mapping[str, Any]) -> str:
    """`has approved web`: what the other person did, about the same wave, action or run."""
    if choice.action and decision["decision"] == "abort":
        return f"has let {choice.subject} fail"
    return f"has {_PAST.get(decision['decision'], decision['decision'] + ' {}').format(choice.subject)}"
