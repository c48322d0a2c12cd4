"""Words of sentences for people that more than one room writes."""

from collections.abc import Sequence


def plural(count: int, noun: str, others: str | None = None) -> str:
    """`1 server`, `2 servers`. `others` is the plural of a noun that takes no s."""
    return f"{count} {noun if count == 1 else others or f'{noun}s'}"


def all_of(count: int, noun: str, one: str, many: str) -> str:
    """`the only server was launched`, `all 2 servers were launched`: `one` and `many` are what follows the noun."""
    return f"the only {noun} {one}" if count == 1 else f"all {count} {noun}s {many}"


def first_of(texts: Sequence[str], most: int) -> list[str]:
    """The first `most` of the texts, and `and 3 more` as one more text if there are others."""
    rest = len(texts) - most
    return [*texts[:most], f"and {rest} more"] if rest > 0 else list(texts)


def name_first(names: Sequence[str], most: int) -> str:
    """`a, b and 3 more`: the first `most` of the names, and how many others there are."""
    shown = ", ".join(names[:most])
    return " ".join([shown, *first_of(names, most)[most:]])
