"""The view of a clean-up: lines of text, or JSON lines."""

from collections.abc import Callable

from cli.views.json_lines import JsonView
from recovery.free_text import flatten
from report.run_record import Record


class CleanupView:
    """Shows how many of a drill's instances are terminated, which could not be, and what was not searched."""

    def __init__(self, print_line: Callable[[str], None], json_view: JsonView | None) -> None:
        """With `json_view`, everything goes there."""
        self._print_line, self._json_view = print_line, json_view
        self._last: Record | None = None

    @property
    def has_shown(self) -> bool:
        """Whether a clean-up has been shown, so that it is known to have begun."""
        return self._last is not None

    def show(self, record: Record) -> None:
        """Show the clean-up, if it has changed."""
        if record == self._last:
            return
        self._last = record
        if self._json_view:
            self._json_view.write("cleanup", {"cleanup": record})
            return
        count = record["instances"]
        if record["status"] == "RUNNING" and not count["total"]:
            return  # the instances are not counted yet
        self._print_line(f"clean-up {record['status']}  {count['terminated']}/{count['total']} terminated")
        if record["status"] != "RUNNING":
            if len(record["executions"]) > 1:
                self._print_line(f"  covers {', '.join(record['executions'])}")
            if record["reason"]:
                self._print_line(f"  {flatten(record['reason'])}")
            for failure in record["failures"]:
                instance = f"{failure['recoveryInstanceId']} of {failure['sourceServerId']}"
                self._print_line(f"  {instance}: {flatten(failure['reason'])}")

    def trouble(self, message: str | None) -> None:
        """Show the message."""
        if message and self._json_view:
            self._json_view.trouble(message)
        elif message:
            self._print_line(flatten(message))
