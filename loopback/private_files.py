"""Writes files that only their owner can read."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

OWNER_ONLY = 0o600


def write_private(path: Path, text: str) -> None:
    """Write the file with mode 0600, in one step: no reader sees a part, and no other user sees anything.

    Create its folder, for the owner alone, if it is missing. Raise OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    # O_EXCL: the file is new, so it has this mode from its first byte on.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_environment(path: Path, variables: Mapping[str, str]) -> None:
    """Write a private file that sets the variables in the shell that sources it. Raise OSError."""
    write_private(path, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
