"""A patch of an emulator that this project runs: MiniStack in the sandbox, moto in the tests."""

import functools
from collections.abc import Callable


class PatchDoesNotFit(Exception):
    """The emulator has changed at the place that a patch replaces. Adapt the patch, or delete it."""


class Patch:
    """A function that replaces something inside an emulator. Calling it again has no effect."""

    def __init__(self, apply: Callable[[], None], seen_in: str | None, upstream: str | None = None) -> None:
        self.name = apply.__name__
        self.__doc__ = apply.__doc__
        self.seen_in = seen_in
        """The version of the emulator that has the defect. None for an accelerator, which corrects nothing."""
        self.upstream = upstream
        """Where the defect is reported upstream."""
        self._apply = functools.cache(apply)

    def __call__(self) -> None:
        self._apply()

    def __repr__(self) -> str:
        return f"<Patch {self.name}>"


def defect(seen_in: str, upstream: str | None = None) -> Callable[[Callable[[], None]], Patch]:
    """Mark a function as the patch of a defect of this version of the emulator."""
    return lambda apply: Patch(apply, seen_in, upstream)


def accelerator(apply: Callable[[], None]) -> Patch:
    """Mark a function as a patch that makes the emulator faster and changes no answer."""
    return Patch(apply, None)
