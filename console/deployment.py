"""The deployment that a console shows, and how it shows it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cli.api_client import ApiClient
from console.kept import Kept
from console.keys import Keys
from console.snapshots import Snapshot, Snapshots

# Ids and names in the console's own paths. What the API knows is narrower: it refuses the rest.
ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """What every page needs.

    `environment` says in words which deployment it is. `speed` is how many simulated seconds a real one has in the
    sandbox, and None on AWS. `interval` is how old an answer may be, in real seconds. `options` name the deployment in
    commands that pages show. `person` is who acts in the sandbox, if that is not its root.
    """

    api: ApiClient
    environment: str
    interval: float
    speed: float | None = None
    read_only: bool = False
    options: str = ""
    person: str | None = None
    keys: Keys = field(default_factory=Keys)
    snapshots: Snapshots = field(default_factory=Snapshots)
    kept: Kept = field(default_factory=Kept)

    @property
    def is_sandbox(self) -> bool:
        """Whether time is simulated."""
        return self.speed is not None

    def snapshot(self, key: str, read: Callable[[ApiClient], Any], max_age: float | None = None) -> Snapshot:
        """What `read` makes of the API, at most `max_age` seconds old, or `interval`. Raise as `Snapshots.get`."""
        return self.snapshots.get(key, lambda: read(self.api), self.interval if max_age is None else max_age)
