"""Asking about things of which some may not exist: AWS refuses the whole call then, and names them."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from recovery.errors import DrsWavesError
from recovery.target_errors import NotInTarget, TargetRefused

T = TypeVar("T")

_ID = re.compile(r"\b[a-z]+-[0-9a-f]{8,17}\b")


def named_in(error: DrsWavesError, asked: Iterable[str], form: re.Pattern[str] = _ID) -> frozenset[str]:
    """Those of the ids that the message of the error names."""
    return frozenset(form.findall(error.message)) & frozenset(asked)


def ask_in_parts(
    asked: Iterable[str],
    size: int,
    code: str,
    ask: Callable[[Sequence[str]], dict[str, T]],
    form: re.Pattern[str] = _ID,
) -> dict[str, T | None]:
    """Call `ask` for at most `size` ids at a time; return its answers, and None for ids without one.

    If a call is refused with this code, it is repeated without the ids that the error names. One that names none
    is repeated in halves. `form` is that of the ids.
    """
    ids = sorted(set(asked))
    found: dict[str, T | None] = dict.fromkeys(ids)
    waiting = [ids[at : at + size] for at in range(0, len(ids), size)]
    while waiting:
        part = waiting.pop()
        try:
            found |= ask(part)
        except (TargetRefused, NotInTarget) as error:
            if error.facts["code"] != code:
                raise
            waiting += _without_unknown(part, named_in(error, part, form))
    return found


def _without_unknown(part: Sequence[str], unknown: frozenset[str]) -> list[list[str]]:
    half = 0 if unknown else len(part) // 2
    left = [each for each in part if each not in unknown] if unknown or half else []
    return [each for each in (left[:half], left[half:]) if each]
