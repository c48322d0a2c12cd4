"""The checkout that this command runs from, if there is one, and the sandbox that runs from it."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.terminal import INVALID, end

ROOT = Path(__file__).resolve().parent.parent
# A running sandbox publishes its addresses in this file, and removes the file when it stops.
SANDBOX_FILE = ROOT / "build" / "sandbox.json"


def require_checkout(purpose: str) -> None:
    """End the command if it was installed without the repository: `purpose` needs templates and functions."""
    if not (ROOT / "cfn").is_dir():
        end(INVALID, f"{purpose} needs a checkout of the repository: run `make setup build` there, and this command.")


def read_sandbox() -> dict[str, Any]:
    """The addresses of the running sandbox. Raise OSError or ValueError."""
    addresses: dict[str, Any] = json.loads(SANDBOX_FILE.read_text())
    return addresses


def is_sandbox_running() -> bool:
    """Return whether a sandbox answers. A file that a killed sandbox left behind does not count."""
    try:
        url = urlsplit(str(read_sandbox()["apiUrl"]))
        with socket.create_connection((str(url.hostname), url.port or 80), timeout=1):
            return True
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def published_sandbox(addresses: Mapping[str, Any]) -> Iterator[None]:
    """Let other commands find this sandbox while it runs. If two run, they find the one that started last."""
    draft = SANDBOX_FILE.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(addresses, indent=2) + "\n")
    draft.replace(SANDBOX_FILE)
    try:
        yield
    finally:
        if SANDBOX_FILE.exists() and read_sandbox()["pid"] == os.getpid():
            SANDBOX_FILE.unlink()
