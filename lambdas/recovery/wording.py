"""Words of sentences for people that more than one room writes."""


def plural(count: int, noun: str, others: str | None = None) -> str:
    """`1 server`, `2 servers`. `others` is the plural of a noun that takes no s."""
    return f"{count} {noun if count == 1 else others or f'{noun}s'}"


def all_of(count: int, noun: str, one: str, many: str) -> str:
    """`the only server was launched`, `all 2 servers were launched`: `one` and `many` are what follows the noun."""
    return f"the only {noun} {one}" if count == 1 else f"all {count} {noun}s {many}"
