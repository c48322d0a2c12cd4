"""What would change when a plan file is applied."""

from dataclasses import dataclass

from recovery.domain.drills.differences import Difference


@dataclass(frozen=True, slots=True)
class Change:
    """What would be done to one resource. `resource_id` is None if the resource would be created."""

    kind: str
    name: str
    resource_id: str | None
    version: int
    differences: tuple[Difference, ...]
    # What the change does beyond this file. If there is any, `apply` requires an agreement to it by name.
    consequences: tuple[str, ...] = ()
    # What it does that no field shows.
    notes: tuple[str, ...] = ()

    @property
    def is_needed(self) -> bool:
        """Return whether there is anything to do."""
        return self.resource_id is None or bool(self.differences)
