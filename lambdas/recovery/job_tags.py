"""The tags of DRS jobs, by which drs-waves finds the jobs that it started and people see who started one.

DRS's model has no pattern for the values of tags. IAM and most other services take letters, digits, spaces and
`+ - = . _ : / @`, at most 256 characters (AWS's guide "Tagging your AWS resources"). Every value is kept within that.
"""

import unicodedata
from collections.abc import Mapping

MANAGED_BY, OURS = "ManagedBy", "drs-waves"
EXECUTION, WAVE, CLEANUP = "drs-waves:execution", "drs-waves:wave", "drs-waves:cleanup"
BATCH, ATTEMPT, MODE = "drs-waves:batch", "drs-waves:attempt", "drs-waves:mode"

MAX_VALUE_LENGTH = 256

_PUNCTUATION = frozenset(" +-=._:/@")


def tag_value(text: object) -> str:
    """The text as a tag value: characters that AWS may refuse become `_`, and what is too long is cut off."""
    allowed = (
        letter if letter in _PUNCTUATION or unicodedata.category(letter)[0] in "LN" else "_" for letter in str(text)
    )
    return "".join(allowed)[:MAX_VALUE_LENGTH].strip()


def build_launch_tags(execution_id: str, wave: str, batch: str, attempt: int, mode: str) -> dict[str, str]:
    """The tags of a job that launches a batch; `batch` is the key of its BatchRef."""
    return _build({EXECUTION: execution_id, WAVE: wave, BATCH: batch, ATTEMPT: attempt, MODE: mode})


def build_termination_tags(execution_id: str, cleanup: int, chunk: str, attempt: int) -> dict[str, str]:
    """The tags of a job that terminates a chunk: `chunk` is the key of its ChunkRef, `cleanup` numbers the clean-up."""
    return _build({EXECUTION: execution_id, CLEANUP: cleanup, BATCH: chunk, ATTEMPT: attempt})


def _build(tags: Mapping[str, object]) -> dict[str, str]:
    return {MANAGED_BY: OURS, **{key: tag_value(value) for key, value in tags.items()}}


def read_execution(tags: Mapping[str, str]) -> str | None:
    """The run that started the job; None for a job of others."""
    return tags.get(EXECUTION) if tags.get(MANAGED_BY) == OURS else None


def read_attempt(tags: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The batch or chunk that started the job, and its attempt; None for a job of others."""
    return tags.get(BATCH), tags.get(ATTEMPT)
