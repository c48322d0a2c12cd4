"""Commands of Run Command, and their invocations on instances."""

from dataclasses import dataclass, field
from typing import Any

from drs_emulator.target_key import TargetKey

ENDED = {"Success", "Cancelled", "TimedOut", "Failed"}
NOT_STARTED = -1  # the response code of a plugin that has not run
# The details that count against MaxErrors
ERRORS = {"Failed", "ExecutionTimedOut"}


@dataclass(slots=True)
class Outcome:
    """How a run ends. `status` is a status with its details."""

    status: tuple[str, str]
    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""


@dataclass(slots=True)
class Invocation:
    """A command on one instance. `sent` says that it takes one of the places of MaxConcurrency.

    `outcome` is decided when the run starts, and takes effect when it ends.
    """

    instance_id: str
    instance_name: str = ""
    status: str = "Pending"
    details: str = "Pending"
    sent: bool = False
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int = NOT_STARTED
    stdout: str = ""
    stderr: str = ""
    outcome: Outcome | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    def change(self, status: str, details: str = "") -> None:
        self.status, self.details = status, details or status

    def end(self, at: float, outcome: Outcome) -> None:
        self.change(*outcome.status)
        self.ended_at = at
        if self.started_at is not None:
            self.exit_code, self.stdout, self.stderr = outcome.exit_code, outcome.stdout, outcome.stderr


@dataclass(slots=True)
class Command:
    """A command. `request` has the members of the request that answers repeat, in the API's form.

    ListCommands, ListCommandInvocations and GetCommandInvocation do not show it before `shown_at`.
    """

    id: str
    number: int
    target: TargetKey
    document: str
    version: str
    plugin: str
    request: dict[str, Any]
    requested_at: float
    timeout_seconds: int
    execution_seconds: float
    max_concurrency: int
    max_errors: int
    run_seconds: float
    invocations: dict[str, Invocation] = field(default_factory=dict)
    cancelled: bool = False
    shown_at: float = 0

    @property
    def expires_at(self) -> float:
        return self.requested_at + self.timeout_seconds + self.execution_seconds

    @property
    def errors(self) -> int:
        return sum(each.details in ERRORS for each in self.invocations.values())

    @property
    def has_ended(self) -> bool:
        return all(each.has_ended for each in self.invocations.values())

    def status(self) -> tuple[str, str]:
        """Return the status and its details, aggregated as the user guide of Systems Manager says.

        Incomplete has no status of its own in the model; that it is Failed is an assumption.
        """
        each = [one.details for one in self.invocations.values()]
        if not each:
            return "Success", "NoInstancesInTag"
        if not self.has_ended:
            return self._open_status()
        if self.cancelled and "Cancelled" in each:
            return "Cancelled", "Cancelled"
        if self.errors > self.max_errors:
            return ("Failed", "Failed") if "Failed" in each else ("TimedOut", "ExecutionTimedOut")
        if each.count("DeliveryTimedOut") > self.max_errors:
            return "TimedOut", "DeliveryTimedOut"
        return ("Success", "Success") if set(each) == {"Success"} else ("Failed", "Incomplete")

    def _open_status(self) -> tuple[str, str]:
        states = {one.status for one in self.invocations.values()}
        if self.cancelled:
            return "Cancelling", "Cancelling"
        if states <= {"Pending"}:
            return "Pending", "Pending"
        return ("Pending", "Delayed") if states <= {"Pending", "Delayed"} else ("InProgress", "InProgress")

    def to_api(self) -> dict[str, Any]:
        status, details = self.status()
        each = list(self.invocations.values())
        return self.request | {
            "CommandId": self.id,
            "DocumentName": self.document,
            "DocumentVersion": self.version,
            "ExpiresAfter": self.expires_at,
            "RequestedDateTime": self.requested_at,
            "Status": status,
            "StatusDetails": details,
            "TargetCount": len(each),
            "CompletedCount": sum(one.has_ended for one in each),
            "ErrorCount": self.errors,
            "DeliveryTimedOutCount": sum(one.details == "DeliveryTimedOut" for one in each),
            "TimeoutSeconds": self.timeout_seconds,
        }
