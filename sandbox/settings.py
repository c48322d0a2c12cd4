"""Fixed values of the sandbox, its ports, and its errors."""

import socket
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
HUB_ACCOUNT = "111122223333"
TARGET_ACCOUNT = "444455556666"
REGION = "us-west-2"
STACK_NAME = "drs-waves"
TABLES_STACK_NAME = f"{STACK_NAME}-tables"
TARGET_STACK_NAME = "drs-waves-target"
# What commands in messages end with, and the environment that messages name.
PARAMETERS = {"CommandOptions": "--sandbox", "EnvironmentName": "sandbox", "SignEvidence": "true"}
# Of the stack of the tables: evidence is signed, and locked as far as a local bucket can be.
TABLES_PARAMETERS = {"ControlPlane": STACK_NAME, "SignEvidence": "true", "EvidenceLockDays": "30"}
EXTERNAL_ID = "drs-waves-sandbox"
SECRET_KEY = "test"  # noqa: S105  # signs for every account; what callers must know is the session token

PORT_VARIABLE = "DRS_WAVES_PORT"
DRS_PORT_VARIABLE = "DRS_WAVES_DRS_PORT"
DEFAULT_PORT = 4566
DEFAULT_DRS_PORT = 4567


class SandboxError(Exception):
    """The sandbox cannot start or work. The message says why and what to do."""


class PortTaken(SandboxError):
    """A port that the sandbox needs, `number`, is in use."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


@dataclass(frozen=True, slots=True)
class Port:
    """A port on 127.0.0.1, and how to choose another one."""

    number: int
    purpose: str
    option: str
    variable: str

    def require_free(self) -> None:
        """Raise PortTaken."""
        with socket.socket() as probe:
            # A listener that has just ended leaves connections in TIME_WAIT, which do not matter.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.number))
            except OSError as error:
                raise PortTaken(
                    self.number,
                    f"Port {self.number}, for the {self.purpose}, cannot be used: {error.strerror}. "
                    f"Stop what runs there, or choose another with {self.option} or {self.variable}.",
                ) from error
