"""The titles of findings on record, which may be those of an earlier version."""

from recovery.domain.findings.catalogue import CATALOGUE
from recovery.domain.findings.codes import Code


def find_title(code: str) -> str:
    """What is wrong, in a few words; the code in words if the catalogue no longer has it."""
    return CATALOGUE[Code(code)].title if code in Code.__members__ else code.replace("_", " ").capitalize()
