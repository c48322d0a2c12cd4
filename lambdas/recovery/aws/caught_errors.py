"""What went wrong, in one line, from the errors a state machine caught."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Enough for a sentence or two; a stack trace belongs in the log.
MAX_LENGTH = 1_000

# The Cause of a Lambda error is JSON, cut off by the state machine when it is long.
_ERROR_MESSAGE = re.compile(r'"errorMessage":\s*("(?:[^"\\]|\\.)*")')


def describe(error: Mapping[str, Any] | None) -> str | None:
    """`DrsRefused: StartRecovery in ...` from `{"Error", "Cause"}`; None when nothing was caught."""
    if not error:
        return None
    cause = error.get("Cause") or ""
    if found := _ERROR_MESSAGE.search(cause):
        cause = json.loads(found.group(1))
    return f"{error.get('Error') or 'unknown error'}: {cause}"[:MAX_LENGTH]


def describe_all(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each error as one line, the same line once."""
    return list(dict.fromkeys(line for error in errors if (line := describe(error))))
