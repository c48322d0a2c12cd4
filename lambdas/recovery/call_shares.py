"""Who calls DRS and EC2, and which share of a target's rate limit that caller may use.

A run that launches servers may use the whole limit; what it reads server by server goes behind its other calls. Work
that can wait may use half of the limit, and within that half the requests of the API may use a fifth of the limit. So a
run always has at least half of the limit to itself, and four fifths beside any number of people who only read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum


class CallShare(StrEnum):
    """The kinds of callers, in the order of their importance."""

    RUN = "run"
    """A drill or a recovery."""
    READING = "reading"
    """What a drill or a recovery reads server by server: other calls of runs go first."""
    BACKGROUND = "background"
    """Work that can wait: readiness runs, clean-ups, syncs of the cache, what a run reads ahead."""
    REQUEST = "request"
    """A request of the API, which can be sent again."""

    @property
    def percent(self) -> int:
        """The part of the rate limit that callers of this kind and of less important ones may use together."""
        return _PERCENT[self]

    def calls_in_second(self, calls_per_second: int, second: int) -> int:
        """The calls that this share has in a second (epoch) of a rate limit.

        A share that is no whole number of calls is spread over the seconds: half of one call a second is one call in
        every other second.
        """
        until, before = (at * calls_per_second * self.percent // 100 for at in (second + 1, second))
        return until - before


_PERCENT = {CallShare.RUN: 100, CallShare.READING: 100, CallShare.BACKGROUND: 50, CallShare.REQUEST: 20}

_current: ContextVar[CallShare] = ContextVar("call_share", default=CallShare.RUN)


def current_share() -> CallShare:
    """The share of the code that runs now: that of a run, unless it was changed."""
    return _current.get()


@contextmanager
def use_share(share: CallShare) -> Iterator[None]:
    """Let the calls of the block, or of the decorated function, count against this share."""
    token = _current.set(share)
    try:
        yield
    finally:
        _current.reset(token)
