"""The drawings of a report, as numbers: where each bar, mark and label goes. The template draws them as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from scripts.view import duration

# All in units of the drawing, which is as wide as the page; a bar has to be seen, however short it was.
WIDTH, LEFT, RIGHT, TOP = 960, 150, 16, 34
WAVE_HEIGHT, LANE_HEIGHT, GAP = 18, 13, 12
SHORTEST_BAR = 2.0
# Beyond so many side by side, the jobs of a wave share the last lane: a page has an end.
MOST_LANES = 12
MOST_TICKS = 9
QUOTA_HEIGHT = 110
# About what a letter of a label takes, and half of a mark.
LETTER, MARK = 5.8, 10.0

_TICK_SECONDS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time. `kind` is its class in the drawing, `title` what it says when pointed at.

    `labels` say the same at less and less length; `clear` is how much of its beginning a mark covers.
    """

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    labels: tuple[str, ...] = ()
    clear: float = 0.0

    @property
    def label(self) -> str:
        """The longest label that fits."""
        room = self.width - self.clear - 6
        return next((label for label in self.labels if len(label) * LETTER <= room), "")


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, drawn as a numbered diamond."""

    x: float
    y: float
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """What stands before a line of the drawing."""

    y: float
    label: str
    status: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid, with the time since the request."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The timeline of a run; `summary` says it in words."""

    height: float
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    summary: str
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP


@dataclass(frozen=True, slots=True)
class QuotaChart:
    """Two step lines over time, servers in jobs and jobs, each against its quota."""

    use: Mapping[str, Any]
    ticks: tuple[Tick, ...]
    jobs: str
    servers: str
    jobs_top: int
    servers_top: int
    summary: str
    jobs_quota: int
    servers_quota: int
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    height: int = QUOTA_HEIGHT


class _Scale:
    """Where a moment is on the page."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self.begin = _seconds(report["requestedAt"])
        known = [report["asOf"], *(job["endedAt"] for job in report["jobs"] if job["endedAt"])]
        self.length = max(max(map(_seconds, known)) - self.begin, 1.0)

    def x(self, moment: str) -> float:
        share = min(max((_seconds(moment) - self.begin) / self.length, 0.0), 1.0)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def ticks(self) -> tuple[Tick, ...]:
        """At round times, as many as have room."""
        wanted = self.length / MOST_TICKS
        step = next((each for each in _TICK_SECONDS if each >= wanted), 86_400 * math.ceil(wanted / 86_400))
        count = int(self.length // step) + 1
        width = (WIDTH - LEFT - RIGHT) / self.length
        return tuple(Tick(round(LEFT + n * step * width, 1), duration(n * step)) for n in range(count))


def chart(report: Mapping[str, Any]) -> Chart:
    """Each wave as a bar with its jobs below it, waits for people hatched, decisions numbered."""
    scale, end = _Scale(report), report["asOf"]
    bars, rows, marks = list[Bar](), list[Row](), list[Mark]()
    numbers = {id(decision): number for number, decision in enumerate(report["decisions"], start=1)}
    y = float(TOP)

    def bar(since: str, until: str, at: float, height: float, kind: str, title: str, *labels: str) -> None:
        x = scale.x(since)
        bars.append(Bar(x, at, max(scale.x(until) - x, SHORTEST_BAR), height, kind, title, labels))

    def waits_of(wave: str | None, at: float) -> None:
        for wait in (each for each in report["waits"] if each["wave"] == wave):
            what = f"waits for {_WAITS[wait['for']]}, {duration(wait['seconds'])}"
            bar(
                wait["since"],
                wait["until"] or end,
                at,
                WAVE_HEIGHT,
                "wait",
                f"{wave or 'run'} {what}",
                what,
                duration(wait["seconds"]),
            )

    def marks_of(wave: str | None, at: float) -> None:
        for decision in (each for each in report["decisions"] if each["wave"] == wave):
            title = f"{decision['decision']} by {decision['by']}"
            marks.append(Mark(scale.x(decision["at"]), at, numbers[id(decision)], title))

    if any(each["wave"] is None for each in (*report["waits"], *report["decisions"])):
        rows.append(Row(y, "the run", ""))
        waits_of(None, y)
        marks_of(None, y)
        y += WAVE_HEIGHT + GAP
    for wave in report["waves"]:
        rows.append(Row(y, wave["name"], wave["status"]))
        if wave["startedAt"]:
            title = f"wave {wave['name']}: {wave['status']}, {duration(wave['durationSeconds'])}"
            took = duration(wave["durationSeconds"])
            kind = _KINDS.get(wave["status"], "running")
            bar(
                wave["startedAt"], wave["endedAt"] or end, y, WAVE_HEIGHT, kind, title, f"{wave['status']} {took}", took
            )
        waits_of(wave["name"], y)
        marks_of(wave["name"], y)
        y += WAVE_HEIGHT + 3
        lanes: list[float] = []
        for job in (each for each in report["jobs"] if each["wave"] == wave["name"] and each["startedAt"]):
            lane = _lane(lanes, scale.x(job["startedAt"]), scale.x(job["endedAt"] or end))
            came_to = f"{job['launched']} launched, {job['failed']} failed" if job["endedAt"] else "still runs"
            place = f"{job['accountId']}/{job['region']} batch {job['batch']}, attempt {job['attempt']}"
            kind = "job bad" if job["failed"] else "job" if job["endedAt"] else "job running"
            count = f"{job['launched']}/{job['servers']}" if job["endedAt"] else f"{job['servers']} servers"
            again = f", try {job['attempt']}" if job["attempt"] > 1 else ""
            said = (f"{job['region']} {count}{again}", f"{count}{again}", count)
            at = y + lane * LANE_HEIGHT
            title = f"{job['jobId']}: {place}: {came_to}"
            bar(job["startedAt"], job["endedAt"] or end, at, LANE_HEIGHT - 2, kind, title, *said)
        y += len(lanes) * LANE_HEIGHT + GAP
    clear = tuple(replace(each, clear=_covered(each, marks)) for each in bars)
    return Chart(y, scale.ticks(), tuple(rows), clear, tuple(marks), _in_words(report, scale))


_KINDS = {"COMPLETED": "good", "PARTIAL": "partly", "FAILED": "bad", "SKIPPED": "skipped"}
_WAITS = {"approval": "approval", "decision": "a decision", "resume": "somebody to resume"}


def _covered(bar: Bar, marks: Sequence[Mark]) -> float:
    """How much of the bar's beginning is under marks."""
    ends = [mark.x + MARK - bar.x for mark in marks if mark.y == bar.y and -MARK < mark.x - bar.x < MARK]
    return max(ends, default=0.0)


def _lane(lanes: list[float], begin: float, end: float) -> int:
    """The first lane that is free then; `lanes` holds where each is taken to."""
    for number, taken_to in enumerate(lanes):
        if taken_to <= begin:
            lanes[number] = end
            return number
    if len(lanes) < MOST_LANES:
        lanes.append(end)
        return len(lanes) - 1
    lanes[-1] = max(lanes[-1], end)
    return MOST_LANES - 1


def _in_words(report: Mapping[str, Any], scale: _Scale) -> str:
    said = []
    for wave in report["waves"]:
        if wave["startedAt"]:
            began = duration(_seconds(wave["startedAt"]) - scale.begin)
            said.append(f"{wave['name']} began {began} after the request and is {wave['status']}")
        else:
            said.append(f"{wave['name']} did not start ({wave['status']})")
    return "; ".join(said) + "." if said else "No wave was begun."


def quota_chart(use: Mapping[str, Any], report: Mapping[str, Any], jobs_quota: int, servers_quota: int) -> QuotaChart:
    """The jobs of this run in one account and Region, over the time of the run."""
    scale = _Scale(report)
    jobs_top, servers_top = _top(use["mostJobs"], jobs_quota, 2), _top(use["mostServers"], servers_quota, 1.25)
    place = f"{use['accountId']}/{use['region']}"
    return QuotaChart(
        use=use,
        ticks=scale.ticks(),
        jobs=_steps(use["steps"], "jobs", jobs_top, scale, use["until"]),
        servers=_steps(use["steps"], "servers", servers_top, scale, use["until"]),
        jobs_top=jobs_top,
        servers_top=servers_top,
        summary=f"{place}: at most {use['mostJobs']} jobs with {use['mostServers']} servers at once.",
        jobs_quota=jobs_quota,
        servers_quota=servers_quota,
    )


def _top(most: int, quota: int, spare: float) -> int:
    """Where the axis ends: the quota, once a quarter of it was used; else what shows the figures, and both lines."""
    return max(quota, most) if most * 4 >= quota else max(math.ceil(most * spare), 2)


def _steps(steps: Sequence[Mapping[str, Any]], name: str, top: int, scale: _Scale, end: str) -> str:
    """A path of SVG that holds each value until the next."""
    floor, room = QUOTA_HEIGHT - 20, QUOTA_HEIGHT - 34

    def height(value: int) -> float:
        return round(floor - value / top * room, 1)

    path = f"M{LEFT} {height(0)}"
    for step in steps:
        path += f"H{scale.x(step['at'])}V{height(step[name])}"
    return path + f"H{scale.x(end)}"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
