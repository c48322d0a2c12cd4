"""What every view of a run can do."""

from contextlib import AbstractContextManager
from typing import Protocol

from cli.run_client import RunObserver


class View(RunObserver, AbstractContextManager["View"], Protocol):
    """Shows a run for as long as it is entered."""

    def notice(self, line: str) -> None:
        """Show a line about the run that stays, such as a warning of its inspection."""
