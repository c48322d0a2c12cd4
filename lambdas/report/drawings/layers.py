"""Places for the nodes of a directed graph: layers from left to right, with few crossings and short ways between them.

This is the layered drawing of Sugiyama, Tagawa and Toda (1981): longest-path layers, a barycenter order within them,
and places by isotonic regression, which keeps the order and the distances.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

# Turns of the barycenter order, each from left to right and back.
_TURNS = 4
# The room between the nodes of a layer, and the room that an edge takes where it passes a layer.
ROW_GAP, LANE = 18.0, 10.0

Way = tuple[str, ...]
"""The points of an edge: its source, a lane for each layer that it passes, and its target."""


@dataclass(slots=True)
class Layout:
    """`layer` and `y` (the upper end) of each node and lane; `ways` are those of the edges that need to be drawn."""

    layer: dict[str, int]
    y: dict[str, float] = field(default_factory=dict)
    ways: dict[tuple[str, str], Way] = field(default_factory=dict)
    height: float = 0.0


def arrange(parents: Mapping[str, Sequence[str]], node_height: float) -> Layout:
    """Arrange these nodes, each with those that it comes after. Others, and what would close a circle, are left out.

    An edge that follows from others is not drawn: where c comes after b and b after a, c comes after a.
    """
    layout = Layout(_find_layers(parents))
    rows: list[list[str]] = [[] for _ in range(max(layout.layer.values(), default=-1) + 1)]
    for node in parents:
        rows[layout.layer[node]].append(node)
    for source, target in _list_edges(parents, layout.layer):
        lanes = []
        for layer in range(layout.layer[source] + 1, layout.layer[target]):
            lane = f"{source}\n{target}\n{layer}"  # no name of a wave has a line break
            lanes.append(lane)
            rows[layer].append(lane)
            layout.layer[lane] = layer
        layout.ways[source, target] = (source, *lanes, target)
    before, after = _find_neighbours(layout.ways.values())
    _order(rows, before, after)
    heights = {each: node_height if each in parents else LANE for row in rows for each in row}
    _place(layout, rows, heights, before, after)
    return layout


def _find_layers(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Each node one layer after the last of its parents."""
    layer: dict[str, int] = {}
    left = list(parents)
    while left:
        ready = [node for node in left if all(each in layer or each not in parents for each in parents[node])]
        for node in ready or left[:1]:  # in a circle, one has to be first
            layer[node] = max((layer[each] + 1 for each in parents[node] if each in layer), default=0)
        left = [node for node in left if node not in layer]
    return layer


def _list_edges(parents: Mapping[str, Sequence[str]], layer: Mapping[str, int]) -> list[tuple[str, str]]:
    ancestors: dict[str, set[str]] = {}
    edges = []
    for node in sorted(parents, key=lambda node: layer[node]):
        own = [each for each in dict.fromkeys(parents[node]) if layer.get(each, layer[node]) < layer[node]]
        ancestors[node] = set(own).union(*(ancestors[each] for each in own))
        edges += [(each, node) for each in own if not any(each in ancestors[other] for other in own)]
    return edges


def _find_neighbours(ways: Iterable[Way]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for way in ways:
        for source, target in pairwise(way):
            before.setdefault(target, []).append(source)
            after.setdefault(source, []).append(target)
    return before, after


def _order(rows: list[list[str]], before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> None:
    """Order each layer by where its neighbours are in the layer before, then in the layer after, and so on."""
    for _ in range(_TURNS):
        for earlier, row in pairwise(rows):
            _order_row(row, earlier, before)
        for later, row in pairwise(reversed(rows)):
            _order_row(row, later, after)
    for earlier, row in pairwise(rows):
        _order_row(row, earlier, before)


def _order_row(row: list[str], fixed: Sequence[str], neighbours: Mapping[str, list[str]]) -> None:
    place = {each: number for number, each in enumerate(fixed)}
    share = len(fixed) / max(len(row), 1)
    weights = {
        each: _mean([place[other] for other in neighbours.get(each, ())], number * share)
        for number, each in enumerate(row)
    }
    row.sort(key=weights.__getitem__)


def _place(
    layout: Layout,
    rows: Sequence[Sequence[str]],
    heights: Mapping[str, float],
    before: Mapping[str, list[str]],
    after: Mapping[str, list[str]],
) -> None:
    """Give each node a place near the middle of its neighbours."""
    middle: dict[str, float] = {}
    for row in rows:
        _settle(row, dict.fromkeys(row, 0.0), heights, middle)
    for neighbours, order in ((before, rows), (after, rows[::-1]), (before, rows), (after, rows[::-1])):
        for row in order:
            wanted = {each: _mean([middle[other] for other in neighbours.get(each, ())], middle[each]) for each in row}
            _settle(row, wanted, heights, middle)
    top = min((middle[each] - heights[each] / 2 for each in middle), default=0.0)
    layout.y = {each: round(middle[each] - heights[each] / 2 - top, 1) for each in middle}
    layout.height = max((layout.y[each] + heights[each] for each in middle), default=0.0)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _settle(
    row: Sequence[str], wanted: Mapping[str, float], heights: Mapping[str, float], middle: dict[str, float]
) -> None:
    """The places nearest to the wanted ones that keep the order of the row and its distances.

    Less the distances, that is an isotonic regression: neighbours that are in the wrong order share their mean.
    """
    apart = [(heights[earlier] + heights[later]) / 2 + ROW_GAP for earlier, later in pairwise(row)]
    offsets = list(accumulate(apart, initial=0.0))
    pools: list[tuple[float, int]] = []
    for each, shift in zip(row, offsets, strict=True):
        mean, count = wanted[each] - shift, 1
        while pools and pools[-1][0] > mean:
            other, others = pools.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        pools.append((mean, count))
    settled = [mean for mean, count in pools for _ in range(count)]
    middle.update({each: mean + shift for each, mean, shift in zip(row, settled, offsets, strict=True)})
