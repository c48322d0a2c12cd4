"""The errors that a state machine caught, as task functions receive them.

Lambda passes the name and the message of an error to the state machine and nothing else, so everything that a later
task needs must be in one of the two. `describe_call` puts the operation of an AWS call into the message, and
`CaughtError.operation` reads it back.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery.errors import DrsWavesError

# Enough for a sentence or two; a stack trace belongs in the log.
MAX_LENGTH = 1_000

# The Cause of a Lambda error is JSON. Step Functions and the machines may truncate it, even within the message.
_ERROR_MESSAGE = re.compile(r'"errorMessage":\s*"((?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)')

# What `describe_call` writes, for a target named as `account/region`.
_CALL = re.compile(r"(?P<operation>[A-Z]\w+) in \S+/\S+")


def describe_call(operation: str, target_key: str) -> str:
    """`StartRecovery in 111122223333/us-west-2`, with which messages about a call in a target begin."""
    return f"{operation} in {target_key}"


@dataclass(frozen=True, slots=True)
class CaughtError:
    """The name of an error, which is that of its class for errors of ours, and its message."""

    name: str
    message: str

    @classmethod
    def from_state(cls, error: Mapping[str, Any] | None) -> "CaughtError | None":
        """Read `{"Error", "Cause"}` from a state's input; None when nothing was caught."""
        if not error:
            return None
        cause = error.get("Cause") or ""
        if found := _ERROR_MESSAGE.search(cause):
            cause = json.loads(f'"{found.group(1)}"')
        return cls(error.get("Error") or "unknown error", cause)

    @classmethod
    def from_error(cls, error: DrsWavesError) -> "CaughtError":
        """The error as a state machine would catch it if a task raised it."""
        return cls(type(error).__name__, error.message)

    @property
    def operation(self) -> str | None:
        """The operation of DRS or EC2 that failed; None when the message does not begin with one."""
        found = _CALL.match(self.message)
        return found["operation"] if found else None

    def is_a(self, kind: type[DrsWavesError]) -> bool:
        """Whether a task raised an error of exactly this class."""
        return self.name == kind.__name__

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"[:MAX_LENGTH]


def describe_all(errors: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each error, without repetitions."""
    return list(dict.fromkeys(str(caught) for error in errors if (caught := CaughtError.from_state(error))))
