"""The live view: a table on a terminal that is redrawn in place."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.run_record import UNFINISHED, Job, Record, list_jobs
from cli.text import (
    describe_decisions,
    describe_waits,
    format_count,
    format_duration,
    format_real_time,
    format_run_time,
)
from cli.views.capacity import Capacity, describe_capacity
from recovery.free_text import clean, flatten
from recovery.wording import plural

MAX_DECISIONS, MAX_JOBS = 5, 8

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
_TEXT_COLUMNS = ("wave", "state", "")
_NUMBER_COLUMNS = ("servers", "running", "failed", "left out", "time", "RTO")


class LiveView:
    """Shows a run's waves, decisions, jobs and waits. `capacity` must return at once."""

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

    def notice(self, line: str) -> None:
        """Print the line above what is redrawn."""
        self._live.console.print(clean(line), markup=False, style="yellow")

    def render(self, record: Record) -> RenderableType:
        """The record as the view shows it."""
        return Group(*self._parts(record))

    def _draw(self) -> None:
        parts: list[RenderableType] = [self.render(self._record)] if self._record else []
        if self._trouble:
            parts.append(Text(clean(self._trouble), style="yellow"))
        self._live.update(Group(*parts), refresh=True)

    def _parts(self, record: Record) -> Iterator[RenderableType]:
        yield Text.assemble(
            (record["executionId"], "bold"),
            f"  {record['mode'].lower()} of {flatten(record['planName'])}  ",
            (record["status"], _COLOURS.get(record["status"], "cyan")),
            f"  {format_run_time(record)}",
            f"  {format_real_time(record['durationSeconds'], self._speed)}",
        )
        yield _render_waves(record)
        yield from (Text(line, style="dim") for line in list(describe_decisions(record))[-MAX_DECISIONS:])
        yield from (Text(line, style="dim") for line in _describe_running_jobs(record))
        for wait, commands in describe_waits(record, self._options):
            yield Text(f"{wait}:", style="magenta")
            yield from (Text(f"  {command}", overflow="fold") for command in commands)
        if self._capacity and record["status"] in UNFINISHED:
            yield from (Text(line, style="dim") for line in describe_capacity(self._capacity(record)))


def _render_waves(record: Record) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in _TEXT_COLUMNS:
        table.add_column(heading, no_wrap=heading != "wave")
    for heading in _NUMBER_COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for wave in record["waves"]:
        servers, colour = wave["servers"], _COLOURS.get(wave["status"], "cyan")
        state = f"[{colour}]{wave['status']}[/{colour}]"
        bar = ProgressBar(total=max(servers["total"], 1), completed=servers["launched"], width=12)
        counts = (format_count(record, wave), *(servers[name] or "" for name in ("launching", "failed", "excluded")))
        seconds, target = wave["durationSeconds"], (wave.get("rtoTargetMinutes") or 0) * 60
        is_over = bool(target) and (seconds or 0) > target
        rto = Text(f"{format_duration(target)}{' over' if is_over else ''}" if target else "", "red" if is_over else "")
        table.add_row(escape(wave["name"]), state, bar, *map(str, counts), format_duration(seconds), rto)
    return table


def _describe_running_jobs(record: Record) -> Iterator[str]:
    running = [job for job in list_jobs(record) if job.ended_at is None]
    if running:
        yield f"{plural(len(running), 'job runs', 'jobs run')}:"
    for job in running[:MAX_JOBS]:
        place = f"{'/'.join(job.target)} batch {job.batch} of {job.wave}, attempt {job.attempt}"
        yield f"  {job.job_id}  {place}, {plural(job.servers, 'server')}{_describe_progress(job)}"


def _describe_progress(job: Job) -> str:
    """`: conversion, 14 min of usual 20`, as far as it is known."""
    if job.seconds is None:
        return ""
    stage = f"{flatten(job.stage)}, " if job.stage else ""
    usual = f" of usual {round(job.usual_seconds / 60)}" if job.usual_seconds else ""
    return f": {stage}{job.seconds // 60} min{usual}"
