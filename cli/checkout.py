"""The checkout that this command runs from, if there is one, and the sandbox that runs from it."""

import json
import os
import shlex
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.terminal import INVALID, end
from loopback.private_files import write_environment, write_private

ROOT = Path(__file__).resolve().parent.parent
# A running sandbox publishes its addresses in this file, and removes the file when it stops.
SANDBOX_FILE = ROOT / "build" / "sandbox.json"
# A shell that sources this file has the credentials of the running sandbox.
SANDBOX_VARIABLES = ROOT / "build" / "sandbox.env"
# Services that the DRS emulator plays, as AWS_ENDPOINT_URL_ names them.
_SERVICES_OF_EMULATOR = ("DRS", "SSM", "EC2", "ELASTIC_LOAD_BALANCING_V2", "IAM", "SERVICE_QUOTAS")


def is_checkout() -> bool:
    """Return whether this command runs from the repository, so that it can run a sandbox."""
    return (ROOT / "cfn").is_dir()


def require_checkout(purpose: str) -> None:
    """End the command if it was installed without the repository: `purpose` needs templates and functions."""
    if not is_checkout():
        end(INVALID, f"{purpose} needs a checkout of the repository: run `make setup build` there, and this command.")


def make_command(target: str, file: Path) -> str | None:
    """The command that makes this target with the file as PLAN, as it runs in the current folder.

    None if the command was installed without the repository.
    """
    if not (ROOT / "cfn").is_dir():
        return None
    if Path.cwd() == ROOT:
        return f"make {target} PLAN={shlex.quote(str(file))}"
    return f"make -C {shlex.quote(str(ROOT))} {target} PLAN={shlex.quote(str(file.resolve()))}"


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


def is_sandbox_port(number: int) -> bool:
    """Return whether the running sandbox uses this port."""
    try:
        addresses = read_sandbox()
        return number in {urlsplit(str(addresses[name])).port for name in ("engineUrl", "drsUrl")}
    except (OSError, ValueError, KeyError):
        return False


def drs_waves() -> str:
    """How to call this command in the current folder: by its name if the shell finds it, or else by its path."""
    command = ROOT / ".venv" / "bin" / "drs-waves"
    if shutil.which("drs-waves") or not command.exists():
        return "drs-waves"
    relative = os.path.relpath(command)
    return shlex.quote(str(command) if relative.startswith("..") else relative)


@contextmanager
def published_sandbox(addresses: Mapping[str, Any]) -> Iterator[None]:
    """Let other commands of this user find this sandbox while it runs, and shells call it by SANDBOX_VARIABLES.

    If two run, they find the one that started last.
    """
    write_private(SANDBOX_FILE, json.dumps(addresses, indent=2) + "\n")
    variables = {
        "AWS_ACCESS_KEY_ID": addresses["account"],
        "AWS_SECRET_ACCESS_KEY": addresses["secret"],
        "AWS_SESSION_TOKEN": addresses["sessionToken"],
        "AWS_DEFAULT_REGION": addresses["region"],
        "AWS_REGION": addresses["region"],
        "AWS_ENDPOINT_URL": addresses["engineUrl"],
        **{f"AWS_ENDPOINT_URL_{service}": addresses["drsUrl"] for service in _SERVICES_OF_EMULATOR},
    }
    write_environment(SANDBOX_VARIABLES, variables)
    try:
        yield
    finally:
        if SANDBOX_FILE.exists() and read_sandbox()["pid"] == os.getpid():
            SANDBOX_FILE.unlink()
            SANDBOX_VARIABLES.unlink(missing_ok=True)
