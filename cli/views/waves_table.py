"""The table of a run's waves, in the width and height that there is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.text import format_count
from recovery.free_text import flatten
from recovery.wording import name_first, plural
from report.run_record import Record
from report.words import describe_wave_state, format_duration

COLOURS = {
    "COMPLETED": "green",
    "READY": "green",
    "CHECKED": "green",
    "PARTIAL": "yellow",
    "FAILED": "red",
    "CANCELLED": "red",
    "NOT_READY": "red",
    "SKIPPED": "dim",
    "not started": "dim",
    "nothing was left": "dim",
    "paused": "magenta",
    "waits for approval": "magenta",
    "waits for a decision": "magenta",
    "waits for DRS": "yellow",
    "waiting for you": "magenta",
    "waiting for another person": "magenta",
    "cancelling": "yellow",
    "waits for a person": "magenta",
}
OTHER_COLOUR = "cyan"

_NUMBERS = ("launching", "failed", "excluded")
_BAR_WIDTH, _MIN_NAME_WIDTH, _MAX_NAMES = 12, 12, 5
# Which waves are shown if there is not room for all: those that wait for people, that go on, that went wrong.
_SHOWN_FIRST = (("AWAITING_APPROVAL", "AWAITING_DECISION", "PAUSED"), ("IN_PROGRESS",), ("FAILED", "PARTIAL"))


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    cells: Sequence[Any]
    is_number: bool = True
    may_fold: bool = False

    @property
    def is_empty(self) -> bool:
        return not any(self.cells)


def render_waves(record: Record, console: Console) -> Table:
    """The table of all waves. On a terminal it is as wide as that, elsewhere as wide as its contents."""
    return _draw(record, record["waves"], console)


def render_waves_in(record: Record, console: Console, max_lines: int) -> list[Table | Text]:
    """The table in so many lines. If there is not room for all waves, the rest is counted below it."""
    waves: Sequence[Record] = record["waves"]
    table = _draw(record, waves, console)
    if _count_lines(table, console) <= max_lines:
        return [table]
    ranked = sorted(waves, key=_rank)

    def show_first(count: int) -> list[Table | Text]:
        names = {wave["name"] for wave in ranked[:count]}
        shown, others = [[wave for wave in waves if (wave["name"] in names) is is_shown] for is_shown in (True, False)]
        rest = Text(_describe_rest(others, record), "dim", overflow="fold", no_wrap=False)
        return [_draw(record, shown, console), rest] if shown else [rest]

    def fits(count: int) -> bool:
        return sum(_count_lines(part, console) for part in show_first(count)) <= max_lines

    fewest, most = 0, min(len(waves) - 1, max_lines)
    while fewest < most:  # the largest number that fits
        middle = (fewest + most + 1) // 2
        fewest, most = (middle, most) if fits(middle) else (fewest, middle - 1)
    return show_first(fewest)


def _rank(wave: Record) -> int:
    ranks = [rank for rank, statuses in enumerate(_SHOWN_FIRST) if wave["status"] in statuses]
    return ranks[0] if ranks else len(_SHOWN_FIRST)


def _describe_rest(waves: Iterable[Record], record: Record) -> str:
    """`and 33 more waves: 12 COMPLETED, 1 FAILED (web), 20 not started`."""
    by_state: dict[str, list[str]] = {}
    for wave in waves:
        by_state.setdefault(describe_wave_state(record, wave), []).append(wave["name"])
    told = [
        f"{len(names)} {state}"
        + ("" if state in ("COMPLETED", "not started", "nothing was left") else f" ({name_first(names, _MAX_NAMES)})")
        for state, names in by_state.items()
    ]
    count = sum(map(len, by_state.values()))
    return f"and {plural(count, 'more wave')}: {', '.join(told)}"


def _count_lines(part: Table | Text, console: Console) -> int:
    return len(console.render_lines(part, console.options.update(height=None), pad=False))


def _draw(record: Record, waves: Sequence[Record], console: Console) -> Table:
    """Leave out what has no contents, then the bars if they do not fit, and fold names before anything is cut."""
    columns = [column for column in _list_columns(record, waves) if column.may_fold or not column.is_empty]
    if not console.is_terminal:
        table = _build([column for column in columns if column.heading], fold=False)
        everything = console.options.update(max_width=10_000)
        table.width = Measurement.get(console, everything, table).maximum
        return table
    table = _build(columns, fold=False)
    if _width(table, console) <= console.width:
        return table
    return _build([column for column in columns if column.heading], fold=True)


def _width(table: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum


def _list_columns(record: Record, waves: Sequence[Record]) -> list[_Column]:
    states = [describe_wave_state(record, wave) for wave in waves]
    servers = [wave["servers"] for wave in waves]
    bars = [ProgressBar(total=max(each["total"], 1), completed=each["launched"], width=_BAR_WIDTH) for each in servers]
    has_bars = record["mode"] != "READINESS"
    return [
        _Column("wave", [flatten(wave["name"]) for wave in waves], is_number=False, may_fold=True),
        _Column("state", [Text(state, COLOURS.get(state, OTHER_COLOUR)) for state in states], False, may_fold=True),
        _Column("", bars if has_bars else [], is_number=False),
        _Column("servers", [format_count(record, wave) for wave in waves]),
        _Column("verified", [_format_verified(wave) for wave in waves]),
        *(_Column(name, [str(each[name] or "") for each in servers]) for name in _NUMBERS),
        _Column("time", [format_duration(wave["durationSeconds"]) for wave in waves]),
        _Column("RTO", [_format_rto(wave) for wave in waves]),
    ]


def _format_verified(wave: Record) -> str:
    """How many of the launched servers that have checks have passed them."""
    if not (checks := wave.get("checks")):
        return ""
    return f"{checks['verified']}/{checks['checking'] + checks['verified'] + checks['unverified']}"


def _format_rto(wave: Record) -> Text:
    target = (wave.get("rtoTargetMinutes") or 0) * 60
    is_over = bool(target) and (wave["durationSeconds"] or 0) > target
    return Text(f"{format_duration(target)}{' over' if is_over else ''}" if target else "", "red" if is_over else "")


def _build(columns: Sequence[_Column], *, fold: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        is_name = column.heading == "wave"
        table.add_column(
            column.heading,
            justify="right" if column.is_number else "left",
            no_wrap=not (fold and column.may_fold),
            overflow="fold",
            min_width=_MIN_NAME_WIDTH if fold and is_name else None,
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return table
