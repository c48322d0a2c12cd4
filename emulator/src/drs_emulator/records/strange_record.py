"""Records that break the model or have values that it lacks, which a test adds to the answers of a target."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StrangeRecord:
    """A record in the answers of `operation`.

    With `of`, it changes the members of the record with this id, and removes those of `without`; for
    DescribeJobLogItems, `of` is the job whose log gets the record. Without `of`, it is a record of its own, on the
    first page. `always` shows it whatever the caller's filter is.
    """

    id: str
    operation: str
    record: dict[str, Any]
    of: str = ""
    without: list[str] = field(default_factory=list)
    always: bool = False
