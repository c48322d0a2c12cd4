"""The drawing of the waves of a run or a plan, as numbers: a box for each, with an edge from each that it waits for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from recovery.free_text import flatten
from recovery.wording import plural
from report.drawings.layers import Layout, arrange
from report.run_record import WAITS_FOR_PERSON, is_counting
from report.words import NOTHING_LEFT, WAITS_FOR_DRS, WAVE_WORDS, describe_wave_state, format_duration

# In SVG user units, which are pixels: a drawing is as wide as it has to be, and scrolls.
BOX_WIDTH, BOX_HEIGHT, COLUMN_GAP, MARGIN = 196.0, 76.0, 56.0, 6.0
GATES_HEIGHT, GATE_HEIGHT = 20.0, 15.0
_GATE_LETTER, _GATE_PADDING, _GATE_GAP = 5.6, 10.0, 5.0
_MAX_NAME = 19

# By status: the CSS class of a box, and the sign before its name.
_LOOKS = {
    "COMPLETED": ("good", "✓"),
    "CHECKED": ("good", "✓"),
    "PARTIAL": ("partly", "!"),
    "FAILED": ("bad", "✗"),
    "SKIPPED": ("skipped", "–"),
    "IN_PROGRESS": ("running", "▶"),
    "AWAITING_APPROVAL": ("wait", "‖"),
    "AWAITING_DECISION": ("wait", "‖"),
    "PAUSED": ("wait", "‖"),
}
_NOT_STARTED = ("none", "○")


@dataclass(frozen=True, slots=True)
class Gate:
    """Where people come in: a small mark with its word. `title` says what it means."""

    x: float
    width: float
    word: str
    title: str


@dataclass(frozen=True, slots=True)
class Box:
    """A wave. `kind` is its CSS class, `sign` says the same without colour, `title` is its tooltip.

    `lines` are its state, its servers and its time.
    """

    name: str
    x: float
    y: float
    height: float
    kind: str
    sign: str
    label: str
    lines: tuple[str, ...]
    gates: tuple[Gate, ...]
    title: str
    width: float = BOX_WIDTH


@dataclass(frozen=True, slots=True)
class Edge:
    """From a wave to one that waits for it, as an SVG path; `tip` is the arrow at its end.

    `kind` is its CSS class: `loose` if the later wave starts whatever the result of the earlier one.
    """

    source: str
    target: str
    path: str
    tip: str
    kind: str


@dataclass(frozen=True, slots=True)
class Waves:
    """The waves, from left to right. `summary` describes them in words."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float
    summary: str

    @property
    def has_gates(self) -> bool:
        """Whether any wave has a gate."""
        return any(box.gates for box in self.boxes)

    @property
    def has_loose_edges(self) -> bool:
        """Whether any wave starts whatever the result of those before it."""
        return any(edge.kind == "loose" for edge in self.edges)


def draw_run(record: Mapping[str, Any], plan: Mapping[str, Any] | None = None) -> Waves:
    """The waves of a run's record or report. `plan` is the one that it used, for its gates."""
    of_plan = {wave["name"]: wave for wave in (plan or {}).get("waves", ())}
    drafts = []
    for wave in record["waves"]:
        state = _describe_state(record, wave)
        kind, sign = _LOOKS.get(wave["status"], _NOT_STARTED)
        if state == WAITS_FOR_DRS:
            kind, sign = "partly", "!"
        elif state == WAITS_FOR_PERSON:
            kind, sign = _LOOKS["AWAITING_DECISION"]
        elif state == NOTHING_LEFT:
            kind, sign = "skipped", "–"
        lines = (state, _count(record, wave), "" if record["mode"] == "READINESS" else _measure(wave))
        drafts.append(_Draft(wave["name"], wave["dependsOn"], kind, sign, lines, of_plan.get(wave["name"], {})))
    return _draw(drafts)


def draw_plan(plan: Mapping[str, Any]) -> Waves:
    """The waves of a plan, as the API has it."""
    drafts = []
    for wave in plan["waves"]:
        target = wave.get("rtoTargetMinutes")
        lines = (plural(len(wave["groups"]), "group"), f"RTO {format_duration(target * 60)}" if target else "")
        drafts.append(_Draft(wave["name"], wave["dependsOn"], "plan", "", lines, wave))
    return _draw(drafts)


def _describe_state(record: Mapping[str, Any], wave: Mapping[str, Any]) -> str:
    if "batches" in record:
        return describe_wave_state(record, wave)
    return WAVE_WORDS.get(wave["status"], str(wave["status"]))  # a report has the statuses only


def _count(record: Mapping[str, Any], wave: Mapping[str, Any]) -> str:
    servers = wave["servers"]
    if record.get("state") == "STARTING" and is_counting(record):
        return "counting servers"
    if record["mode"] == "READINESS":
        return plural(servers["total"], "server")
    odd = [f"{servers[name]} {name}" for name in ("failed", "unverified") if servers.get(name)]
    return ", ".join([f"{servers['launched']}/{servers['total']}", *odd])


def _measure(wave: Mapping[str, Any]) -> str:
    target = wave.get("rtoTargetMinutes")
    if wave["durationSeconds"] is None:
        return f"RTO {format_duration(target * 60)}" if target else ""
    time = format_duration(wave["durationSeconds"])
    return f"{time} of {format_duration(target * 60)}" if target else time


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a box is made from. `of_plan` is the wave of the plan, empty if that is not known."""

    name: str
    depends_on: Sequence[str]
    kind: str
    sign: str
    lines: tuple[str, ...]
    of_plan: Mapping[str, Any]

    def list_gates(self) -> Iterable[tuple[str, str]]:
        """The word of each gate, and what it means."""
        approval = self.of_plan.get("approval")
        if approval and approval.get("required", True):
            end = f", else {approval['onTimeout']}" if approval.get("onTimeout") else ""
            yield "approval", f"needs approval within {approval['timeoutMinutes']} min{end}"
        if self.of_plan.get("pauseBefore"):
            yield "pause", "pauses before it starts, until a person resumes it"
        if self.of_plan.get("onFailure") == "ask":
            yield "asks", "asks a person if it fails"


def _draw(drafts: Sequence[_Draft]) -> Waves:
    height = BOX_HEIGHT + (GATES_HEIGHT if any(list(draft.list_gates()) for draft in drafts) else 0)
    layout = arrange({draft.name: draft.depends_on for draft in drafts}, height)
    loose = {draft.name for draft in drafts if draft.of_plan.get("runAfter") == "completion"}
    boxes = tuple(_make_box(draft, layout, height) for draft in drafts)
    ways = layout.ways.items()
    edges = tuple(_make_edge(edge, way, layout, height, "loose" if edge[1] in loose else "") for edge, way in ways)
    columns = max(layout.layer.values(), default=-1) + 1
    width = 2 * MARGIN + max(columns * (BOX_WIDTH + COLUMN_GAP) - COLUMN_GAP, 0)
    return Waves(boxes, edges, width, layout.height + 2 * MARGIN, _summarize(drafts))


def _x(layout: Layout, name: str) -> float:
    return MARGIN + layout.layer[name] * (BOX_WIDTH + COLUMN_GAP)


def _make_box(draft: _Draft, layout: Layout, height: float) -> Box:
    x, y = _x(layout, draft.name), layout.y[draft.name] + MARGIN
    gates, gate_x = [], x + 8
    for word, title in draft.list_gates():
        width = len(word) * _GATE_LETTER + _GATE_PADDING
        gates.append(Gate(round(gate_x, 1), round(width, 1), word, title))
        gate_x += width + _GATE_GAP
    title = f"{draft.name}: {'; '.join(_list_words(draft))}"
    name = draft.name if len(draft.name) <= _MAX_NAME else f"{draft.name[:11]}…{draft.name[-7:]}"
    label = f"{draft.sign} {name}".strip()
    return Box(draft.name, x, y, height, draft.kind, draft.sign, label, draft.lines, tuple(gates), title)


def _make_edge(edge: tuple[str, str], way: Sequence[str], layout: Layout, height: float, kind: str) -> Edge:
    source, target = edge

    def middle(point: str) -> float:
        is_lane = point not in edge
        return round(layout.y[point] + MARGIN + (0 if is_lane else height / 2) + (5 if is_lane else 0), 1)

    path = f"M{_x(layout, source) + BOX_WIDTH} {middle(source)}"
    for earlier, later in pairwise(way):
        begin, end, bend = _x(layout, earlier) + BOX_WIDTH, _x(layout, later), COLUMN_GAP / 2
        path += f"C{begin + bend} {middle(earlier)} {end - bend} {middle(later)} {end} {middle(later)}"
        if later != target:
            path += f"H{end + BOX_WIDTH}"
    end, y = _x(layout, target), middle(target)
    return Edge(source, target, path, f"M{end - 7} {y - 4}L{end} {y}L{end - 7} {y + 4}Z", kind)


def _list_words(draft: _Draft) -> list[str]:
    return [*(line for line in draft.lines if line), *(title for _, title in draft.list_gates())]


def _summarize(drafts: Sequence[_Draft]) -> str:
    sentences = [f"{plural(len(drafts), 'wave')}, from left to right."]
    for draft in drafts:
        after = f" after {', '.join(draft.depends_on)}" if draft.depends_on else ""
        sentences.append(flatten(f"{draft.name}{after}: {', '.join(_list_words(draft))}."))
    return " ".join(sentences)
