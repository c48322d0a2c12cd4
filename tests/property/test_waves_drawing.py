"""The drawing of waves has every wave once, no box over another, and edges that lead to the right."""

import re
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from report.drawings.layers import arrange
from report.drawings.waves import Box, draw_plan

MAX_WAVES = 40


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """A plan of up to 40 waves, each after any of those before it, in any order of the list."""
    count = draw(st.integers(1, MAX_WAVES))
    waves = []
    for number in range(count):
        before = draw(st.lists(st.integers(0, max(number - 1, 0)), max_size=6, unique=True)) if number else []
        waves.append(
            {
                "name": f"wave-{number}",
                "groups": [{}],
                "dependsOn": [f"wave-{each}" for each in before],
                "onFailure": draw(st.sampled_from(["stop", "ask"])),
                "pauseBefore": draw(st.booleans()),
            }
        )
    return {"waves": draw(st.permutations(waves))}


def do_overlap(one: Box, other: Box) -> bool:
    is_beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    is_above = one.y + one.height <= other.y or other.y + other.height <= one.y
    return not is_beside and not is_above


@settings(max_examples=150, deadline=None)
@given(plans())
def test_every_wave_is_drawn_once_within_the_drawing_and_over_no_other(plan: dict[str, Any]) -> None:
    drawing = draw_plan(plan)
    assert [box.name for box in drawing.boxes] == [wave["name"] for wave in plan["waves"]]
    assert not [(a.name, b.name) for a, b in combinations(drawing.boxes, 2) if do_overlap(a, b)]
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - box.width
        assert 0 <= box.y <= drawing.height - box.height
        assert all(box.x <= gate.x and gate.x + 6 + gate.width <= box.x + box.width for gate in box.gates)


@settings(max_examples=150, deadline=None)
@given(plans())
def test_every_edge_leads_to_the_right_and_passes_over_no_box(plan: dict[str, Any]) -> None:
    drawing = draw_plan(plan)
    boxes = {box.name: box for box in drawing.boxes}
    for edge in drawing.edges:
        source, target = boxes[edge.source], boxes[edge.target]
        assert source.x + source.width < target.x
        numbers = [float(text) for text in re.findall(r"-?[0-9.]+", edge.path)]
        assert (numbers[0], numbers[1]) == (source.x + source.width, source.y + source.height / 2)
        for begin, end, y in re.findall(r"([0-9.]+) ([0-9.]+)H([0-9.]+)", edge.path):
            passed = [box for box in boxes.values() if box.x < float(y) and float(begin) < box.x + box.width]
            assert not [box.name for box in passed if box.y < float(end) < box.y + box.height]


@settings(max_examples=150, deadline=None)
@given(plans())
def test_what_a_wave_waits_for_can_be_followed_along_the_edges(plan: dict[str, Any]) -> None:
    before: dict[str, set[str]] = {}
    for edge in draw_plan(plan).edges:
        before.setdefault(edge.target, set()).add(edge.source)

    def reach(name: str) -> set[str]:
        own = before.get(name, set())
        return own.union(*(reach(each) for each in own))

    for wave in plan["waves"]:
        assert set(wave["dependsOn"]) <= reach(wave["name"])
        assert before.get(wave["name"], set()) <= set(wave["dependsOn"])


def test_a_circle_and_an_unknown_wave_are_drawn_as_far_as_they_can_be() -> None:
    layout = arrange({"a": ["b"], "b": ["a"], "c": ["gone"]}, 60)
    assert set(layout.y) >= {"a", "b", "c"}
    assert list(layout.ways) == [("a", "b")]


def test_nothing_is_an_empty_drawing() -> None:
    assert (draw_plan({"waves": []}).boxes, draw_plan({"waves": []}).edges) == ((), ())
