"""The line view: a line of text for each change, for a log or a pipe."""

from types import TracebackType
from typing import Self

from rich.console import Console

from cli.text import (
    describe_cancelling,
    describe_decisions,
    describe_waits,
    format_checked,
    format_count,
    format_real_time,
)
from cli.views.steps import describe_action
from recovery.free_text import clean
from recovery.wording import plural
from report.run_record import UNFINISHED, Job, Record, list_jobs
from report.words import describe_wave_state, format_duration

_MIN_NAME_WIDTH, _STATE_WIDTH = 14, 20


class LineView:
    """Prints a line when a wave changes, a decision is made or the run begins to wait."""

    def __init__(self, console: Console, options: str = "", speed: float | None = None) -> None:
        self._console, self._options, self._speed = console, options, speed
        self._printed: dict[str, str] = {}
        """The last line about each subject."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        return None

    def show(self, record: Record) -> None:
        """Print what has changed."""
        seconds = record["durationSeconds"]
        at = f"{format_duration(seconds)} {format_real_time(seconds, self._speed)}".rstrip()
        if _are_counted(record):
            for wave in record["waves"]:
                self._print_if_new(f"wave {wave['name']}", _describe_wave(record, wave), at)
            for line in map(_describe_job, list_jobs(record)):
                self._print_if_new(line, line, at)
        for action in record.get("actions", ()):
            if action["status"] != "PENDING":
                self._print_if_new(f"action {action['name']}", describe_action(action), at)
        for decision in describe_decisions(record):
            self._print_if_new(f"decision {decision}", decision)
        if record.get("state") == "CANCELLING" and "cancelling" not in self._printed:
            self._print_if_new("cancelling", describe_cancelling(record) or "", at)
        self._show_waits(record, at)

    def _show_waits(self, record: Record, at: str) -> None:
        subjects = [_name_wait(wait) for wait in record["waitingFor"]]
        for subject, (text, commands) in zip(subjects, describe_waits(record, self._options), strict=True):
            if subject not in self._printed:  # its text has times that change with each read
                self._print_if_new(subject, text, at)
                for command in commands:
                    self._console.print(f"    {command}", markup=False)
        for subject in [each for each in self._printed if each.startswith("wait ") and each not in subjects]:
            del self._printed[subject]

    def trouble(self, message: str | None) -> None:
        """Print the message, unless it is the same as before."""
        if message:
            self._print_if_new("trouble", message)
        elif self._printed.pop("trouble", None):
            self._console.print("  the API answers again", markup=False)

    def notice(self, line: str) -> None:
        """Print the line."""
        self._console.print(f"  {clean(line)}", markup=False)

    def _print_if_new(self, subject: str, line: str, at: str = "") -> bool:
        if self._printed.get(subject) == line:
            return False
        self._printed[subject] = line
        self._console.print(f"  {clean(line)}  {at}".rstrip(), markup=False)
        return True


def _are_counted(record: Record) -> bool:
    """Return whether the servers of the waves are counted: while a run inspects them, no wave has started."""
    has_begun = any(wave["status"] != "WAITING" or wave["servers"]["launched"] for wave in record["waves"])
    return has_begun or record["status"] not in UNFINISHED


def _describe_job(job: Job) -> str:
    """What does not change while the job runs: a line for its start, and one for its end."""
    place = f"{job.wave} batch {job.batch}{f', attempt {job.attempt}' if job.attempt > 1 else ''}"
    if job.ended_at is None:
        return f"job {job.job_id} runs: {place}, {plural(job.servers, 'server')} in {'/'.join(job.target)}"
    return f"job {job.job_id} has ended: {place}, {job.launched} launched, {job.failed} failed"


def _name_wait(wait: Record) -> str:
    """What stays the same while the run waits for this. Two batches of a wave can wait for different targets."""
    what = " ".join((wait.get("text") or "").split()[:1])
    return f"wait {wait['for']} {wait['wave']} {wait.get('since')} {what}"


def _describe_wave(record: Record, wave: Record) -> str:
    servers = wave["servers"]
    count = f"{format_count(record, wave):>6} launched"
    if record["mode"] == "READINESS":
        count = f"{plural(servers['total'], 'server'):>14}"
    others = "".join(f", {servers[name]} {name}" for name in ("failed", "excluded") if servers[name])
    width = max(_MIN_NAME_WIDTH, *(len(each["name"]) for each in record["waves"]))
    checked = format_checked(servers)
    return f"{wave['name']:<{width}} {describe_wave_state(record, wave):<{_STATE_WIDTH}} {count}{others}{checked}"
