"""Begins evidence that was not begun at the end of a run, or has failed."""


def begin_due() -> int:
    """Begin keep-evidence for all evidence that is due; return for how many runs. Twice begins nothing twice."""
    return 0
