"""The live view: a page on a terminal that is redrawn in place, and the same page once for `status`."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.segment import Segment, SegmentLines
from rich.spinner import Spinner
from rich.text import Text

from cli.text import (
    COMMAND,
    describe_cancelling,
    describe_decisions,
    describe_state,
    describe_waits,
    find_now,
    format_real_time,
    format_run_time,
)
from cli.views.capacity import Capacity, describe_capacity
from cli.views.checked_servers import Names
from cli.views.failed_waves import Help
from cli.views.fold import fold_command, fold_line
from cli.views.steps import describe_steps
from cli.views.waves_table import COLOURS, OTHER_COLOUR, render_waves, render_waves_in
from recovery.free_text import clean, flatten
from recovery.wording import first_of, plural
from report.run_record import UNFINISHED, Job, Record, list_jobs

MAX_DECISIONS, MAX_JOBS = 5, 8
# Lines that the table of waves leaves to jobs, decisions and capacity.
_LINES_FOR_DETAILS, _MIN_LINES_OF_TABLE = 6, 4
# Lines that count the waits for which there is no room.
_LINES_FOR_REST = 3
# A capacity older than this, by the run's clock, is left out while no job runs.
_MAX_IDLE_SECONDS = 120
# Below this width, lines about jobs leave out the id unless they have room for it.
_WIDTH_FOR_JOB_IDS = 100
_FRAMES_PER_SECOND = 4


class LiveView:
    """Shows a run's waves, decisions, jobs and waits. `capacity` must return at once."""

    def __init__(
        self,
        console: Console,
        options: str = "",
        speed: float | None = None,
        capacity: Callable[[Record], Capacity] | None = None,
        clock: Callable[[], float] = time.monotonic,
        failed: Callable[[Record], Mapping[str, Help]] | None = None,
        names: Names = MappingProxyType({}),
    ) -> None:
        """`failed` helps to answer waves that ask; it is called when a record is shown, and may take a while.

        `names` has servers that the lines about checks name.
        """
        self._failed, self._help, self._names = failed, dict[str, Help](), names
        self._console, self._options, self._speed, self._capacity = console, options, speed, capacity
        self._clock = clock
        # ASCII, which every terminal can show
        self._spinner = Spinner("line")
        self._record: Record | None = None
        self._read_at = 0.0
        self._trouble: str | None = None
        self._has_ended = False
        self._page: tuple[tuple[int, int], Sequence[RenderableType]] | None = None
        self._live = Live(
            console=console,
            get_renderable=self.render_frame,
            refresh_per_second=_FRAMES_PER_SECOND,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._has_ended = self._record is not None and self._record["status"] not in UNFINISHED
        self._live.__exit__(kind, error, tb)

    def show(self, record: Record) -> None:
        """Redraw."""
        if self._failed:
            self._help = dict(self._failed(record))
        self._record, self._read_at, self._page = record, self._clock(), None
        self._redraw()

    def trouble(self, message: str | None) -> None:
        """Redraw, with the message below."""
        self._trouble, self._page = message, None
        self._redraw()

    def notice(self, line: str) -> None:
        """Print the line above what is redrawn."""
        self._live.console.print(fold_line(clean(line), self._width), markup=False, highlight=False, style="yellow")

    def render(self, record: Record) -> RenderableType:
        """The whole record as the view shows it, however high that is."""
        waits = [line for wait in self._list_waits(record) for line in wait]
        lines = [*waits, *self._list_details(record)]
        age = Text(self._describe_time(record), "dim")
        return Group(*self._fold([_head(record), age]), render_waves(record, self._console), *self._fold(lines))

    def _redraw(self) -> None:
        if self._live.is_started:
            self._live.refresh()

    # --- the page in the window ---------------------------------------------------------------------------------
    def render_frame(self) -> RenderableType:
        """The page as it is now. The last one, after which the view ends, is the whole record."""
        record = self._record
        if record is None:
            return Group(*self._fold(self._list_troubles()))
        if self._has_ended:
            return self.render(record)
        head, *rest = self._lay_out(record)
        return Group(head, self._age(record), *rest)

    def _lay_out(self, record: Record) -> Sequence[RenderableType]:
        """The page for the window as it is now. It is kept, drawn, until the record or the window changes."""
        size = (self._console.width, self._console.height)
        if self._page is None or self._page[0] != size:
            self._page = size, [SegmentLines(self._draw(part), new_lines=True) for part in self._fit(record)]
        return self._page[1]

    def _fit(self, record: Record) -> list[RenderableType]:
        """What people have to answer stays; the table of waves is cut before that, and details before the table."""
        head, *troubles = self._fold([_head(record), *self._list_troubles()])
        details = self._fold(self._list_details(record))
        # a line for the age, and one for the cursor
        room = self._console.height - 2 - self._count_lines([head, *troubles])
        waits = [*self._fit_waits(record, room), *troubles]
        room -= self._count_lines(waits) - self._count_lines(troubles)
        for_table = room - min(self._count_lines(details), _LINES_FOR_DETAILS)
        table = render_waves_in(record, self._console, max(for_table, _MIN_LINES_OF_TABLE))
        room -= self._count_lines(table)
        while details and self._count_lines(details) > max(room, 0):
            details.pop()
        return [head, *table, *waits, *details]

    def _fit_waits(self, record: Record, room: int) -> list[RenderableType]:
        """The waits beside a table of a few waves. Help for answers goes first, then waits, which are counted."""
        least = min(self._count_lines([render_waves(record, self._console)]), max(_MIN_LINES_OF_TABLE, room // 3))
        for has_help in (True, False):
            waits = [self._fold(wait) for wait in self._list_waits(record, has_help=has_help)]
            if self._count_lines([line for wait in waits for line in wait]) <= room - least:
                break
        left = 0
        while len(waits) > 1 and self._count_lines([line for wait in waits for line in wait]) > room - least - (
            _LINES_FOR_REST if left else 0
        ):
            waits.pop()
            left += 1
        lines = [line for wait in waits for line in wait]
        if left:
            command = f"{COMMAND} status {record['executionId']}{self._options}"
            lines.append(self._text(f"and {plural(left, 'more wait')}; all of them:", "magenta"))
            lines += self._command(command)
        return lines

    def _count_lines(self, parts: Sequence[RenderableType]) -> int:
        return sum(len(self._draw(part)) for part in parts)

    def _draw(self, part: RenderableType) -> list[list[Segment]]:
        return self._console.render_lines(part, self._console.options.update(height=None), pad=False)

    def _age(self, record: Record) -> RenderableType:
        """How old the answer of the API is. The sign before it turns for as long as this view lives."""
        sign = str(self._spinner.render(self._console.get_time()))
        ago = f"{int(self._clock() - self._read_at)} s ago"
        whole, short = self._describe_time(record), self._describe_time(record, has_real_time=False)
        texts = [f"{whole} ({ago}); Ctrl-C ends the view, not the run", f"{whole} ({ago})", f"{short} ({ago})"]
        texts += [f"{format_run_time(record)} ({ago})", f"({ago})"]
        text = next((each for each in texts if len(f"{sign} {each}") < self._console.width), texts[-1])
        return Text.assemble(sign, " ", text, style="dim", no_wrap=True, overflow="ellipsis")

    def _describe_time(self, record: Record, *, has_real_time: bool = True) -> str:
        """`1:12:30 of 1:30:00 RTO, as of 06:37:46 UTC`."""
        real = format_real_time(record["durationSeconds"], self._speed) if has_real_time else ""
        at = datetime.fromtimestamp(find_now(record), UTC)
        return f"{format_run_time(record)}{f' ({real})' if real else ''}, as of {at:%H:%M:%S} UTC"

    # --- its parts ----------------------------------------------------------------------------------------------
    @property
    def _width(self) -> int | None:
        """The width of the terminal. Elsewhere lines are as long as they are."""
        return self._console.width if self._console.is_terminal else None

    def _fold(self, parts: Sequence[RenderableType]) -> list[RenderableType]:
        """On a terminal, words that are too long are folded. Elsewhere every line stays whole."""
        for part in parts:
            if isinstance(part, Text):
                part.no_wrap = self._width is None
                part.overflow = "ignore" if part.no_wrap else "fold"
        return list(parts)

    def _list_troubles(self) -> list[RenderableType]:
        return [self._text(clean(self._trouble), "yellow")] if self._trouble else []

    def _list_waits(self, record: Record, *, has_help: bool = True) -> list[list[RenderableType]]:
        """What is in the way of the run, first of all what people have to answer, and the commands that do.

        Each wait has its own lines, with what helps to answer it if wanted.
        """
        waits, given = list[list[RenderableType]](), set[str]()  # one `resume` answers each pause of a run
        if cancelling := describe_cancelling(record):
            waits.append([self._text(cancelling, "yellow")])
        described = zip(record["waitingFor"], describe_waits(record, self._options), strict=True)
        for wait, (text, commands) in sorted(described, key=lambda each: not each[1][1]):
            help_ = self._help.get(wait["wave"] or "") if has_help and wait["for"] == "DECISION" else None
            lines: list[RenderableType] = [
                self._text(f"{text}:" if commands else text, "magenta" if commands else "yellow")
            ]
            if help_:
                lines += [self._text(f"  {line}", "red") for line in help_.servers]
                lines += self._command(help_.see_all)
            for command in (each for each in commands if each not in given):
                given.add(command)
                lines += self._command(command)
                if help_ and (effect := help_.effects.get(command.split(" ", 2)[1])):
                    lines.append(self._text(f"      {effect}", "dim"))
            waits.append(lines)
        return waits

    def _command(self, command: str) -> list[RenderableType]:
        return [Text(f"  {line}") for line in fold_command(command, self._width)]

    def _list_details(self, record: Record) -> list[RenderableType]:
        lines = [*describe_steps(record, self._names), *_describe_running_jobs(record, self._width)]
        lines += list(describe_decisions(record))[-MAX_DECISIONS:]
        if self._capacity and record["status"] in UNFINISHED:
            has_jobs = any(job.ended_at is None for job in list_jobs(record))
            known = self._capacity(record).items()
            recent = {target: each for target, each in known if has_jobs or each.age_seconds <= _MAX_IDLE_SECONDS}
            lines += describe_capacity(recent, find_now(record))
        return [self._text(line, "dim") for line in lines]

    def _text(self, line: str, style: str) -> Text:
        return Text(fold_line(line, self._width), style)


def _head(record: Record) -> Text:
    state = describe_state(record)
    kind = f"{record['mode'].lower()} of {flatten(record['planName'])}"
    parts = (Text(record["executionId"], "bold"), Text(kind), Text(state, COLOURS.get(state, OTHER_COLOUR)))
    return Text("  ").join(parts)


def _describe_running_jobs(record: Record, width: int | None) -> Iterator[str]:
    running = [job for job in list_jobs(record) if job.ended_at is None]
    if running:
        yield f"{plural(len(running), 'job runs', 'jobs run')}:"
    for line in first_of([_describe_job(job, width) for job in running], MAX_JOBS):
        yield f"  {line}"


def _describe_job(job: Job, width: int | None) -> str:
    place = f"{job.wave} batch {job.batch}{f', attempt {job.attempt}' if job.attempt > 1 else ''}"
    what = f"{plural(job.servers, 'server')} in {'/'.join(job.target)}"
    line = f"{place}: {_describe_progress(job)}{what}"
    with_id = f"{line}, {job.job_id}"
    return with_id if width is None or width >= _WIDTH_FOR_JOB_IDS or len(with_id) + 2 <= width else line


def _describe_progress(job: Job) -> str:
    """`conversion, 14 min of usual 20; `, as far as it is known."""
    if job.seconds is None:
        return ""
    stage = f"{flatten(job.stage)}, " if job.stage else ""
    usual = f" of usual {round(job.usual_seconds / 60)}" if job.usual_seconds else ""
    return f"{stage}{job.seconds // 60} min{usual}; "
