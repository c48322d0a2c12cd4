"""How a table is laid out on a terminal: which columns it shows, how wide, and which cells stand below their row."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cli.listings.columns import Column

# Characters of a cell that folds, at least; and between two columns.
MIN_FOLDED, GAP = 11, 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a table shows, by their places, the width of each, and the columns below the row."""

    shown: list[int]
    widths: list[int]
    below: list[int] = field(default_factory=list)

    def list_left_out(self, columns: Sequence[Column]) -> list[str]:
        """The titles of the columns that the table does not show."""
        return [column.title for at, column in enumerate(columns) if at not in self.shown + self.below]


def lay_out(columns: Sequence[Column], natural: Sequence[int], width: int | None) -> Layout:
    """The layout for this width, or for a pipe, which shows everything. `natural` are the widths of the contents."""
    everything = list(range(len(columns)))
    if width is None or _total(natural) <= width:
        return Layout(everything, list(natural))
    least = list(map(_least_width, columns, natural))
    below = [at for at in everything if columns[at].below]
    shown = [at for at in everything if at not in below]
    optional = [at for at in shown if columns[at].optional]
    while optional and _total([least[at] for at in shown]) > width:
        shown.remove(optional.pop())
    widths = _spread([least[at] for at in shown], [natural[at] for at in shown], width)
    return Layout(shown, widths, below)


def _least_width(column: Column, natural: int) -> int:
    return min(natural, MIN_FOLDED) if column.folds else natural


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _spread(least: Sequence[int], natural: Sequence[int], width: int) -> list[int]:
    """Give the room that is left to those that need it, the narrowest first."""
    widths = list(least)
    for _ in range(width - _total(least)):
        narrow = [at for at, size in enumerate(widths) if size < natural[at]]
        if narrow:
            widths[min(narrow, key=widths.__getitem__)] += 1
    return widths
