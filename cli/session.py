"""What a command needs to work with a deployment."""

import time
from dataclasses import dataclass

from cli import checkout
from cli.api_client import ApiClient
from cli.connection import Connection
from cli.lookup.plans import PlanUnknown, find_plan
from cli.lookup.runs import FoundRun, RunUnknown, find_run
from cli.terminal import REFUSED, console, end, error_console, print_notice
from report.run_record import Record

# Seconds between reads of a run. On AWS a run takes an hour; in the sandbox, a simulated minute takes a second.
POLL_SECONDS, SANDBOX_POLL_SECONDS = 5.0, 1.0


@dataclass(frozen=True, slots=True)
class Session:
    """The deployment that a command uses, a client for it, and the form of the command's output."""

    connection: Connection
    api: ApiClient
    as_json: bool = False
    interval: float | None = None

    @classmethod
    def open(cls, connection: Connection, as_json: bool = False, interval: float | None = None) -> "Session":
        """Connect to the deployment. Raise ApiUnreachable."""
        return cls(connection, connection.open_api(), as_json, interval)

    @property
    def options(self) -> str:
        """The options that name the deployment, to append to a command."""
        return self.connection.options

    @property
    def speed(self) -> float | None:
        """How fast the sandbox's clock runs; None on AWS."""
        return float(checkout.read_sandbox().get("speed", 1)) if self.connection.sandbox else None

    @property
    def origin(self) -> float:
        """When the sandbox's clock showed real time, in epoch seconds; 0 on AWS."""
        return float(checkout.read_sandbox().get("origin", 0.0)) if self.connection.sandbox else 0.0

    @property
    def now(self) -> float:
        """The time by the deployment's clock, in epoch seconds: in the sandbox it is simulated."""
        speed = self.speed
        return time.time() if speed is None else self.origin + (time.time() - self.origin) * speed

    @property
    def poll_seconds(self) -> float:
        """Seconds between reads of a run."""
        if self.interval is not None:
            return self.interval
        return SANDBOX_POLL_SECONDS if self.connection.sandbox else POLL_SECONDS

    @property
    def width(self) -> int | None:
        """The width of the terminal that lines for people go to. Elsewhere lines are as long as they are."""
        shown_on = error_console() if self.as_json else console()
        return shown_on.width if shown_on.is_terminal else None

    def print_line(self, text: str) -> None:
        """Print a line for people. With --json it goes to standard error, because standard output is for programs."""
        (error_console() if self.as_json else console()).print(text, markup=False)

    def find_plan(self, id_or_name: str, *, by_prefix: bool = False) -> Record:
        """The plan with this id or name. End the command if there is none, or more than one."""
        try:
            return find_plan(self.api, id_or_name, by_prefix=by_prefix)
        except PlanUnknown as error:
            end(REFUSED, str(error))

    def look_up_run(self, text: str, *, plan_by_prefix: bool = False) -> FoundRun:
        """The run that the argument EXECUTION names. Show which it is, unless the argument is its id.

        End the command if there is none, or more than one.
        """
        try:
            found = find_run(self.api, text, plan_by_prefix=plan_by_prefix)
        except (PlanUnknown, RunUnknown) as error:
            end(REFUSED, str(error))
        if found.execution_id != text:
            print_notice(f"{text} is {found.describe()}")
        return found

    def find_run(self, text: str) -> str:
        """The id of the run that the argument EXECUTION of a command that only reads names."""
        return self.look_up_run(text, plan_by_prefix=True).execution_id
