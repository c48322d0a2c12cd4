"""How a run looks while it goes on: a live table on a terminal, lines elsewhere, JSON lines for pipelines.

All of it is told from the record as the API shows it. Times are the record's own, which in the sandbox are simulated.
"""

import json
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from scripts.runs import UNFINISHED, Record, Show

COMMAND = "python scripts/drill.py"
# Asking for capacity makes calls to DRS, of which a target has only so many.
CAPACITY_SECONDS = 60.0

_COLOURS = {
    "COMPLETED": "green",
    "READY": "green",
    "PARTIAL": "yellow",
    "FAILED": "red",
    "CANCELLED": "red",
    "NOT_READY": "red",
    "SKIPPED": "dim",
    "WAITING": "dim",
    "PAUSED": "magenta",
    "AWAITING_APPROVAL": "magenta",
    "AWAITING_DECISION": "magenta",
}

Capacity = Mapping[tuple[str, str], Mapping[str, Any]]


class Screen(Show, AbstractContextManager["Screen"], Protocol):
    """A place to show a run on, entered while it is shown."""


class Job(NamedTuple):
    """A DRS job of a run. `ended_at` is None while it runs; then `launched` and `failed` are None too."""

    job_id: str
    wave: str
    target: tuple[str, str]
    batch: int
    attempt: int
    servers: int
    started_at: str | None
    ended_at: str | None
    launched: int | None
    failed: int | None


def jobs_of(record: Record) -> Iterator[Job]:
    """Every DRS job of the run, those that have ended and those that run."""
    for batch in record["batches"]:
        place = (batch["wave"], (batch["accountId"], batch["region"]), batch["batch"])
        launched = 0
        for job in batch["jobs"]:
            launched += job["launched"]
            servers = job["launched"] + job["failed"]
            times = (job["startedAt"], job["endedAt"])
            yield Job(job["jobId"], *place, job["attempt"], servers, *times, job["launched"], job["failed"])
        if batch["status"] == "LAUNCHING" and batch["jobId"]:
            left = batch["servers"] - launched
            began = batch.get("jobStartedAt") or batch["startedAt"]
            yield Job(batch["jobId"], *place, batch["attempt"], left, began, None, None, None)


def clean(text: Any) -> str:
    """The text without what would move a terminal's cursor or break a line."""
    letters = (
        " " if letter in "\n\r\t" else letter
        for letter in str(text)
        if letter in "\n\r\t" or unicodedata.category(letter)[0] != "C"
    )
    return "".join(letters)


def duration(seconds: float | None) -> str:
    """`21:08`, or `1:21:08` from an hour on."""
    if seconds is None:
        return ""
    hours, rest = divmod(max(int(seconds), 0), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def of_target(seconds: float | None, target_minutes: int | None) -> str:
    """The time, and how it compares with the RTO target if there is one."""
    if seconds is None or not target_minutes:
        return duration(seconds)
    over = ", over it" if seconds > target_minutes * 60 else ""
    return f"{duration(seconds)} of {duration(target_minutes * 60)} RTO{over}"


def whole_time(record: Record) -> str:
    """The run's time; one that only looks has no target."""
    target = None if record["mode"] == "READINESS" else record.get("rtoTargetMinutes")
    return of_target(record["durationSeconds"], target)


def counted(record: Record, wave: Mapping[str, Any]) -> str:
    """How many of a wave's servers were launched, or how many there are where none is to be."""
    servers = wave["servers"]
    return str(servers["total"]) if record["mode"] == "READINESS" else f"{servers['launched']}/{servers['total']}"


def decisions(record: Record) -> Iterator[str]:
    """Who decided what, oldest first."""
    for decision in record["decisions"]:
        on = f" {decision['wave']}" if decision["wave"] else ""
        comment = f": {decision['comment']}" if decision["comment"] else ""
        yield clean(f"{decision['decision']}{on} by {decision['by']}, {decision['at']}{comment}")


def answers(record: Record, options: str) -> Iterator[tuple[str, list[str]]]:
    """What the run waits for, in words, and the commands that answer it."""
    for wait in record["waitingFor"]:
        what = {"APPROVAL": "approval", "DECISION": "a decision", "RESUME": "somebody to resume it"}[wait["for"]]
        who = f"wave {wait['wave']}" if wait["wave"] else "the run"
        until = f" until {wait['until']}" if wait.get("until") else ""
        commands = []
        for answer in wait["answers"]:
            word = answer.rsplit("/", 1)[1]
            wave = f" {wait['wave']}" if "/waves/" in answer else ""
            commands.append(f"{COMMAND} {word} {record['executionId']}{wave}{options}")
        since = f" since {wait['since']}" if wait.get("since") else ""
        yield f"{who} waits for {what}{since}{until}", commands


# --- on a terminal ----------------------------------------------------------------------------------------------
class LiveScreen:
    """A table that is redrawn in place. `capacity` is asked for what is known of the targets, and may not wait."""

    def __init__(
        self,
        console: Console,
        options: str = "",
        speed: float | None = None,
        capacity: Callable[[Record], Capacity] | None = None,
    ) -> None:
        self._options, self._speed, self._capacity = options, speed, capacity
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="visible")
        self._record: Record | None = None
        self._trouble: str | None = None

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._live.__exit__(kind, error, tb)

    def show(self, record: Record) -> None:
        """Redraw."""
        self._record = record
        self._draw()

    def trouble(self, message: str | None) -> None:
        """Redraw, with the message below."""
        self._trouble = message
        self._draw()

    def picture(self, record: Record) -> RenderableType:
        """The record as it would be shown."""
        return Group(*self._parts(record))

    def _draw(self) -> None:
        parts: list[RenderableType] = [self.picture(self._record)] if self._record else []
        if self._trouble:
            parts.append(Text(clean(self._trouble), style="yellow"))
        self._live.update(Group(*parts), refresh=True)

    def _parts(self, record: Record) -> Iterator[RenderableType]:
        colour = _COLOURS.get(record["status"], "cyan")
        head = Text.assemble(
            (record["executionId"], "bold"),
            f"  {record['mode'].lower()} of {clean(record['planName'])}  ",
            (record["status"], colour),
            f"  {whole_time(record)}",
            f"  {in_real_time(record['durationSeconds'], self._speed)}",
        )
        yield head
        yield self._waves(record)
        yield from (Text(line, style="dim") for line in list(decisions(record))[-5:])
        if running := [job for job in jobs_of(record) if job.ended_at is None]:
            yield Text(f"{len(running)} {'job runs' if len(running) == 1 else 'jobs run'}:", style="dim")
        for job in running[:8]:
            place = f"{'/'.join(job.target)} batch {job.batch} of {job.wave}, attempt {job.attempt}"
            yield Text(f"  {job.job_id}  {place}, {job.servers} servers", style="dim")
        for said, commands in answers(record, self._options):
            yield Text(f"{said}:", style="magenta")
            yield from (Text(f"  {command}", overflow="fold") for command in commands)
        if self._capacity and record["status"] in UNFINISHED:
            yield from (Text(line, style="dim") for line in capacity_lines(self._capacity(record)))

    @staticmethod
    def _waves(record: Record) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0))
        for heading in ("wave", "state", "", "servers", "running", "failed", "left out", "time", "RTO"):
            is_text = heading in ("wave", "state", "")
            table.add_column(heading, justify="left" if is_text else "right", no_wrap=heading != "wave")
        for wave in record["waves"]:
            servers, colour = wave["servers"], _COLOURS.get(wave["status"], "cyan")
            bar = ProgressBar(total=max(servers["total"], 1), completed=servers["launched"], width=12)
            counts = (counted(record, wave), *(servers[name] or "" for name in _REST))
            seconds, target = wave["durationSeconds"], (wave.get("rtoTargetMinutes") or 0) * 60
            is_over = bool(target) and (seconds or 0) > target
            rto = Text(f"{duration(target)}{' over' if is_over else ''}" if target else "", "red" if is_over else "")
            state = f"[{colour}]{wave['status']}[/{colour}]"
            table.add_row(escape(wave["name"]), state, bar, *map(str, counts), duration(seconds), rto)
        return table


_REST = ("launching", "failed", "excluded")


def capacity_lines(capacity: Capacity) -> Iterator[str]:
    """A line for each account and Region of which something is known."""
    for (account_id, region), entry in sorted(capacity.items()):
        if entry.get("jobs"):
            jobs, servers = entry["jobs"], entry["serversInJobs"]
            used = f"{jobs['used']}/{jobs['quota']} jobs, {servers['used']}/{servers['quota']} servers in jobs"
            yield f"{account_id}/{region}  {used}"
        else:
            yield f"{account_id}/{region}  {clean(entry.get('message') or entry.get('status') or 'unknown')}"


class CapacityLook:
    """Asks in the background what DRS's quotas have free in the targets of a run, once a minute; never waits."""

    def __init__(self, ask: Callable[[str, str], Mapping[str, Any]], every: float = CAPACITY_SECONDS) -> None:
        """`ask` may raise; what it could not tell stays as it was."""
        self._ask, self._every = ask, every
        self._known: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._asked_at: float | None = None

    def __call__(self, record: Record) -> Capacity:
        """What is known now; asks anew if that was long ago."""
        targets = sorted({(batch["accountId"], batch["region"]) for batch in record["batches"]})
        is_time = self._asked_at is None or time.monotonic() - self._asked_at >= self._every
        if targets and is_time:
            self._asked_at = time.monotonic()
            threading.Thread(target=self._look, args=(targets,), daemon=True).start()
        return dict(self._known)

    def _look(self, targets: list[tuple[str, str]]) -> None:
        for target in targets:
            try:
                self._known[target] = self._ask(*target)
            except Exception:  # noqa: BLE001, S112  # a view must not end for a figure that could not be had
                continue


def in_real_time(seconds: float | None, speed: float | None) -> str:
    """What a time in the sandbox is on the wall; nothing elsewhere."""
    return f"simulated, {duration(seconds / speed)} real" if speed and seconds is not None else ""


# --- elsewhere --------------------------------------------------------------------------------------------------
class PlainScreen:
    """A line whenever something has changed."""

    def __init__(self, console: Console, options: str = "", speed: float | None = None) -> None:
        self._console, self._options, self._speed = console, options, speed
        self._said: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        return None

    def show(self, record: Record) -> None:
        """Say what is new."""
        at = f"{duration(record['durationSeconds'])} {in_real_time(record['durationSeconds'], self._speed)}".rstrip()
        for wave in record["waves"]:
            servers = wave["servers"]
            done = "servers" if record["mode"] == "READINESS" else "launched"
            line = f"{wave['name']:<14} {wave['status']:<12} {counted(record, wave):>6} {done}"
            rest = "".join(f", {servers[name]} {name}" for name in ("failed", "excluded") if servers[name])
            self._say(f"wave {wave['name']}", f"{line}{rest}", at)
        for decision in decisions(record):
            self._say(f"decision {decision}", decision)
        waiting = dict(answers(record, self._options))
        for said, commands in waiting.items():
            if self._say(f"wait {said}", f"{said}:", at):
                for command in commands:
                    self._console.print(f"    {command}", markup=False)
        for key in [key for key in self._said if key.startswith("wait ") and key.removeprefix("wait ") not in waiting]:
            del self._said[key]  # should it come to wait for the same again, that is news

    def trouble(self, message: str | None) -> None:
        """Say it, unless it was said last."""
        if message:
            self._say("trouble", message)
        elif self._said.pop("trouble", None):
            self._console.print("  the API answers again", markup=False)

    def _say(self, about: str, line: str, at: str = "") -> bool:
        if self._said.get(about) == line:
            return False
        self._said[about] = line
        self._console.print(f"  {clean(line)}  {at}".rstrip(), markup=False)
        return True


class JsonScreen:
    """A JSON object on a line whenever the record has changed, `type` first; a clock that went on is no change."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._last: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        return None

    def show(self, record: Record, kind: str = "progress") -> None:
        """Write it, if it is new."""
        timeless = json.dumps(_without(record, "durationSeconds"), sort_keys=True)
        if timeless != self._last:
            self._last = timeless
            self.write(kind, {"execution": record})

    def trouble(self, message: str | None) -> None:
        """Write it."""
        if message:
            self.write("trouble", {"message": message})

    def write(self, kind: str, facts: Mapping[str, Any]) -> None:
        """One line."""
        self._stream.write(json.dumps({"type": kind, **facts}, ensure_ascii=False) + "\n")
        self._stream.flush()


def _without(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(part, name) for key, part in value.items() if key != name}
    return [_without(part, name) for part in value] if isinstance(value, list) else value


# --- a clean-up -------------------------------------------------------------------------------------------------
class CleanupLines:
    """How a clean-up goes on: lines for people, or JSON lines."""

    def __init__(self, say: Callable[[str], None], lines: JsonScreen | None) -> None:
        self._say, self._lines = say, lines
        self._last: Any = None

    def show(self, record: Record) -> None:
        """Say it, if it is new."""
        if record == self._last:
            return
        self._last = record
        if self._lines:
            self._lines.write("cleanup", {"cleanup": record})
            return
        count = record["instances"]
        self._say(f"clean-up {record['status']}  {count['terminated']}/{count['total']} terminated")
        if record["status"] != "RUNNING":
            for failure in record["failures"]:
                self._say(
                    f"  {failure['recoveryInstanceId']} of {failure['sourceServerId']}: {clean(failure['reason'])}"
                )

    def trouble(self, message: str | None) -> None:
        """Say it."""
        if message and self._lines:
            self._lines.trouble(message)
        elif message:
            self._say(clean(message))
