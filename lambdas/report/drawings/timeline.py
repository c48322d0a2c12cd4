"""The drawing of a run's timeline, as numbers: the place of each bar, mark and label. The template draws the SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recovery.wording import plural
from report.drawings.scale import LEFT, RIGHT, WIDTH, Tick, TimeScale
from report.words import WAVE_WORDS, format_duration

# In SVG user units.
TOP = 34
WAVE_HEIGHT, LANE_HEIGHT, GAP = 18, 13, 12
MIN_BAR_WIDTH = 2.0  # a bar stays visible, however short its time
# The jobs of a wave that do not fit into these lanes share the last one.
MAX_LANES = 12
HALF_MARK = 10.0
# How wide a letter of a label is, by its CSS class. Labels of waves are bold, and mostly capitals.
_LETTER_WIDTHS = {"onbar": 7.4, "onwait": 6.2, "onjob": 5.4}

_WAVE_KINDS = {"COMPLETED": "good", "CHECKED": "good", "PARTIAL": "partly", "FAILED": "bad", "SKIPPED": "skipped"}
_AWAITED = {
    "approval": "approval",
    "decision": "a decision",
    "resume": "an operator to resume",
    "action": "an answer about an action",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A period of time. `kind` is its CSS class, `title` its tooltip.

    `labels` say the same, each shorter than the one before. Nothing drawn later covers the `free` units of the bar that
    begin `covered` units from its start; None if that is all of it.
    """

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    labels: tuple[str, ...] = ()
    covered: float = 0.0
    free: float | None = None

    @property
    def label_kind(self) -> str:
        """The CSS class of the label."""
        if self.kind.startswith(("job", "check", "action", "outage")):
            return "onjob"
        return "onwait" if self.kind == "wait" else "onbar"

    @property
    def label(self) -> str:
        """The longest label that fits."""
        room = (self.width if self.free is None else self.free) - 6
        letter = _LETTER_WIDTHS[self.label_kind]
        return next((label for label in self.labels if len(label) * letter <= room), "")


@dataclass(frozen=True, slots=True)
class Mark:
    """A decision, drawn as a numbered diamond."""

    x: float
    y: float
    number: int
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """The label of a line of the drawing."""

    y: float
    label: str
    status: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The timeline of a run. `summary` describes it in words."""

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


def draw(report: Mapping[str, Any]) -> Timeline:
    """Each wave as a bar with its jobs below it; waits are hatched and decisions numbered."""
    drawing = _Drawing(report)
    drawing.add_run()
    for wave in report["waves"]:
        drawing.add_wave(wave)
    return drawing.finish()


class _Drawing:
    """A timeline in the making; `_y` is where the next line goes."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self._report, self._end = report, report["asOf"]
        self._scale = TimeScale(report)
        self._y = float(TOP)
        self._bars, self._rows, self._marks = list[Bar](), list[Row](), list[Mark]()

    def add_run(self) -> None:
        """Add a line for the run, if it waited as a whole or a decision was about all of it."""
        own = [action for action in self._report["actions"] if action["wave"] is None and action["startedAt"]]
        if own or any(each["wave"] is None for each in (*self._report["waits"], *self._report["decisions"])):
            self._rows.append(Row(self._y, "the run", ""))
            self._add_waits_and_decisions(None)
            self._y += WAVE_HEIGHT + 3
            lanes: list[float] = []
            for action in own:
                self._add_action(action, lanes)
            self._y += len(lanes) * LANE_HEIGHT + GAP - 3 * (not lanes)

    def add_wave(self, wave: Mapping[str, Any]) -> None:
        """Add the wave's bar, its waits and decisions, and a lane for each job that runs beside others."""
        words = _describe_state(wave)
        self._rows.append(Row(self._y, wave["name"], words))
        if wave["startedAt"]:
            time = format_duration(wave["durationSeconds"])
            kind = _WAVE_KINDS.get(wave["status"], "running")
            title = f"wave {wave['name']}: {words}, {time}"
            labels = (f"{words} {time}", time)
            self._add_bar(wave["startedAt"], wave["endedAt"], self._y, WAVE_HEIGHT, kind, title, labels)
        self._add_waits_and_decisions(wave["name"])
        self._y += WAVE_HEIGHT + 3
        lanes: list[float] = []
        outages = [(each["since"], self._add_outage, each) for each in self._report["outages"]]
        jobs = [(each["startedAt"], self._add_job, each) for each in self._report["jobs"] if each["startedAt"]]
        actions = [(each["startedAt"], self._add_action, each) for each in self._report["actions"] if each["startedAt"]]
        checks = [(wave["launchedAt"], self._add_checks, {"wave": wave["name"], "of": wave})] if wave["checks"] else []
        timed = [each for each in (*outages, *jobs, *actions, *checks) if each[0]]
        for _, add, each in sorted(timed, key=lambda timed: str(timed[0])):
            if each["wave"] == wave["name"]:
                add(each, lanes)
        self._y += len(lanes) * LANE_HEIGHT + GAP

    def finish(self) -> Timeline:
        """The whole timeline."""
        bars = tuple(_leave_free(bar, self._bars, self._marks) for bar in self._bars)
        summary = _summarize(self._report, self._scale)
        return Timeline(self._y, self._scale.ticks(), tuple(self._rows), bars, tuple(self._marks), summary)

    def _add_bar(
        self, since: str, until: str | None, y: float, height: float, kind: str, title: str, labels: tuple[str, ...]
    ) -> None:
        x = self._scale.x(since)
        width = max(self._scale.x(until or self._end) - x, MIN_BAR_WIDTH)
        self._bars.append(Bar(x, y, width, height, kind, title, labels))

    def _add_waits_and_decisions(self, wave: str | None) -> None:
        for wait in self._report["waits"]:
            if wait["wave"] == wave:
                time = format_duration(wait["seconds"])
                label = f"waits for {_AWAITED[wait['for']]}, {time}"
                title = f"{wave or 'run'} {label}"
                self._add_bar(wait["since"], wait["until"], self._y, WAVE_HEIGHT, "wait", title, (label, time))
        for number, decision in enumerate(self._report["decisions"], start=1):
            if decision["wave"] == wave:
                title = f"{decision['decision']} by {decision['by']}"
                self._marks.append(Mark(self._scale.x(decision["at"]), self._y, number, title))

    def _add_outage(self, outage: Mapping[str, Any], lanes: list[float]) -> None:
        since, until, time = outage["since"], outage["until"], format_duration(outage["seconds"])
        lane = _take_lane(lanes, self._scale.x(since), self._scale.x(until or self._end))
        place = f"{outage['accountId']}/{outage['region']}"
        title = f"DRS in {place} keeps {outage['wave']} waiting, {time}: {outage['reason']}"
        labels = (f"{outage['region']} waits for DRS, {time}", f"waits for DRS, {time}", f"DRS {time}")
        self._add_bar(since, until, self._y + lane * LANE_HEIGHT, LANE_HEIGHT - 2, "outage", title, labels)

    def _add_checks(self, checked: Mapping[str, Any], lanes: list[float]) -> None:
        wave, checks = checked["of"], checked["of"]["checks"]
        total = checks["checking"] + checks["verified"] + checks["unverified"]
        count = f"{checks['verified']}/{total} verified"
        title = f"checks of wave {wave['name']}: {count}, {checks['unverified']} unverified"
        kind = "check bad" if checks["unverified"] else "check"
        self._add_step(wave["launchedAt"], wave["verifiedAt"], kind, title, (f"checks, {count}", count), lanes)

    def _add_action(self, action: Mapping[str, Any], lanes: list[float]) -> None:
        is_bad = action["status"] in ("FAILED", "TIMED_OUT", "CANCELLED")
        title = f"action {action['name']}: {action['title']}, {action['status']}"
        labels = (f"{action['name']} {action['status']}", action["name"])
        kind = "action bad" if is_bad else "action"
        self._add_step(action["startedAt"], action["endedAt"], kind, title, labels, lanes)

    def _add_step(
        self, since: str, until: str | None, kind: str, title: str, labels: tuple[str, ...], lanes: list[float]
    ) -> None:
        lane = _take_lane(lanes, self._scale.x(since), self._scale.x(until or self._end))
        self._add_bar(since, until, self._y + lane * LANE_HEIGHT, LANE_HEIGHT - 2, kind, title, labels)

    def _add_job(self, job: Mapping[str, Any], lanes: list[float]) -> None:
        lane = _take_lane(lanes, self._scale.x(job["startedAt"]), self._scale.x(job["endedAt"] or self._end))
        if job["endedAt"]:
            kind = "job bad" if job["failed"] else "job"
            result = f"{job['launched']} launched, {job['failed']} failed"
            count = f"{job['launched']}/{job['servers']}"
        else:
            kind, result, count = "job running", "still running", plural(job["servers"], "server")
        place = f"{job['accountId']}/{job['region']} batch {job['batch']}, attempt {job['attempt']}"
        attempt = f", try {job['attempt']}" if job["attempt"] > 1 else ""
        labels = (f"{job['region']} {count}{attempt}", f"{count}{attempt}", count)
        y, title = self._y + lane * LANE_HEIGHT, f"{job['jobId']}: {place}: {result}"
        self._add_bar(job["startedAt"], job["endedAt"], y, LANE_HEIGHT - 2, kind, title, labels)


def _describe_state(wave: Mapping[str, Any]) -> str:
    """Where a wave is, in words; `words` has them if more is known than its status."""
    status: str = wave["status"]
    return wave.get("words") or WAVE_WORDS.get(status, status)


def _leave_free(bar: Bar, bars: Sequence[Bar], marks: Sequence[Mark]) -> Bar:
    """The bar with the longest part of it that neither a mark nor the hatching of a wait covers."""
    covers = [(mark.x - HALF_MARK, mark.x + HALF_MARK) for mark in marks if mark.y == bar.y]
    if bar.kind != "wait":
        covers += [(each.x, each.x + each.width) for each in bars if each.kind == "wait" and each.y == bar.y]
    begin, end = bar.x, bar.x + bar.width
    gaps = []
    for cover_begin, cover_end in sorted(covers):
        if cover_end > begin and cover_begin < end:
            gaps.append((begin, cover_begin))
            begin = max(begin, cover_end)
    gaps.append((begin, end))
    free_begin, free_end = max(gaps, key=lambda gap: gap[1] - gap[0])
    return replace(bar, covered=free_begin - bar.x, free=max(free_end - free_begin, 0.0))


def _take_lane(lanes: list[float], begin: float, end: float) -> int:
    """The number of the first lane that is free at `begin`. `lanes` has the end of what each lane holds so far."""
    for number, taken_until in enumerate(lanes):
        if taken_until <= begin:
            lanes[number] = end
            return number
    if len(lanes) < MAX_LANES:
        lanes.append(end)
        return len(lanes) - 1
    lanes[-1] = max(lanes[-1], end)
    return MAX_LANES - 1


def _summarize(report: Mapping[str, Any], scale: TimeScale) -> str:
    sentences = []
    for wave in report["waves"]:
        if wave["startedAt"]:
            started = format_duration(scale.since_request(wave["startedAt"]))
            sentences.append(f"{wave['name']} started {started} after the request and is {_describe_state(wave)}")
        else:
            sentences.append(f"{wave['name']} did not start ({_describe_state(wave)})")
    return "; ".join(sentences) + "." if sentences else "No wave was started."
