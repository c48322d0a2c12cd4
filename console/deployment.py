"""The deployment that a console shows, and how it shows it."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cli.api_client import ApiClient
from console.kept import Kept
from console.keys import Keys
from console.snapshots import Snapshot, Snapshots

# How names of contexts and stacks say that they are production: `prod`, `drs-waves-prod`, `production-eu`.
_PRODUCTION = re.compile(r"(?<![a-z])prod(uction)?(?![a-z])", re.IGNORECASE)
# Ids and names in the console's own paths. What the API knows is narrower: it refuses the rest.
ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")

# Figures of ended runs that are kept: as many as an overview of a large organisation shows. Each is small.
MAX_ENDED = 1000


@dataclass(frozen=True, slots=True)
class Deployment:
    """What every page needs.

    `environment` says in words which deployment it is. `speed` is how many simulated seconds a real one has in the
    sandbox, and None on AWS; `origin` is when its clock showed real time, in epoch seconds. `interval` is how old an
    answer may be, in real seconds. `options` name the deployment in commands that pages show. `person` is who acts in
    the sandbox, if that is not its root. `ended` has figures of runs that have ended, which hardly ever change.
    """

    api: ApiClient
    environment: str
    interval: float
    speed: float | None = None
    read_only: bool = False
    options: str = ""
    person: str | None = None
    origin: float = 0.0
    keys: Keys = field(default_factory=Keys)
    snapshots: Snapshots = field(default_factory=Snapshots)
    kept: Kept = field(default_factory=Kept)
    ended: Snapshots = field(default_factory=lambda: Snapshots(max_kept=MAX_ENDED))

    @property
    def is_sandbox(self) -> bool:
        """Whether time is simulated."""
        return self.speed is not None

    @property
    def is_production(self) -> bool:
        """Whether its context or its stack is called so: an operator must see at a glance what a click changes."""
        return not self.is_sandbox and _PRODUCTION.search(self.environment) is not None

    def now(self) -> float:
        """The time by the deployment's clock, in epoch seconds: in the sandbox it is simulated."""
        return time.time() if self.speed is None else self.origin + (time.time() - self.origin) * self.speed

    def snapshot(self, key: str, read: Callable[[ApiClient], Any], max_age: float | None = None) -> Snapshot:
        """What `read` makes of the API, at most `max_age` seconds old, or `interval`. Raise as `Snapshots.get`."""
        return self.snapshots.get(key, lambda: read(self.api), self.interval if max_age is None else max_age)
