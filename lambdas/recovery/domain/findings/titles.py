"""The titles of findings."""


def find_title(code: str) -> str:
    """What the finding with this code says, in a few words; the code itself in words where it has no title."""
    return code.replace("_", " ").capitalize()
