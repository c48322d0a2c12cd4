"""The exit status of the command for a run and for a clean-up."""

from cli.terminal import FAILED, REFUSED
from report.run_record import UNFINISHED, Record

_SUCCEEDED = ("COMPLETED", "READY")
_NOT_STARTED = ("NOT_READY",)


def exit_status(record: Record) -> int:
    """0 if the run succeeded or is in progress, 1 if it failed completely or in part or was cancelled, 3 if refused."""
    status = record["status"]
    if status in _SUCCEEDED or status in UNFINISHED:
        return 0
    return REFUSED if status in _NOT_STARTED else FAILED


def cleanup_exit_status(cleanup: Record) -> int:
    """0 if no instance of the drill is left."""
    return 0 if cleanup["status"] in ("COMPLETED", "NONE") else FAILED
