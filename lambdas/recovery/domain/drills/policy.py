"""The drill policy of a plan: when it is drilled, what counts, and what makes a drill stale."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DEFAULT_TIME_OF_DAY = "02:00"
DEFAULT_TIMEZONE = "UTC"
DEFAULT_WINDOW_MINUTES = 240
# For a plan that has no `cleanUpAfterHours` of its own: a drill of the schedule may end while no person is at work.
DEFAULT_CLEAN_UP_HOURS = 8


class CountsIf(StrEnum):
    """What each required server of a drill must be for the drill to count."""

    LAUNCHED = "launched"
    VERIFIED = "verified"


class Invalidation(StrEnum):
    """What makes a drill that counts stale."""

    PLAN_CHANGE = "planChange"
    SERVER_ADDED = "serverAdded"
    PROFILE_CHANGE = "profileChange"


@dataclass(frozen=True, slots=True)
class DrillPolicy:
    """When a plan is drilled: every so many days, or at the times of a cron expression; exactly one of the two is set.

    `at` is the time of day, `HH:MM`, of drills every so many days, `first_on` the earliest date of the first one. All
    times are those of `timezone`. A drill begins within `window_minutes` of its appointment or not at all. If not
    `automatic`, the product starts none, and only says when one is due. With `skip_if_not_ready`, readiness is checked
    first. Its instances are terminated `clean_up_after_hours` after its end; None leaves that to the plan, and
    `DEFAULT_CLEAN_UP_HOURS` counts if the plan does not say either. `since` is when these rules were set, in ISO 8601:
    no appointment is earlier. `owed` is the deadline, in ISO 8601, that the rules before these had set; empty without.
    """

    every_days: int | None = None
    schedule: str | None = None
    at: str = DEFAULT_TIME_OF_DAY
    timezone: str = DEFAULT_TIMEZONE
    window_minutes: int = DEFAULT_WINDOW_MINUTES
    first_on: str | None = None
    automatic: bool = True
    skip_if_not_ready: bool = True
    clean_up_after_hours: int | None = None
    counts_if: CountsIf = CountsIf.LAUNCHED
    invalidated_by: frozenset[Invalidation] = frozenset(Invalidation)
    since: str = ""
    owed: str = ""

    @classmethod
    def from_item(cls, item: Mapping[str, Any] | None) -> "DrillPolicy | None":
        """Read `drillPolicy` of a row of the recovery-plans table, or of the copy in the record of a run."""
        if not item:
            return None
        return cls(
            every_days=int(item["everyDays"]) if item.get("everyDays") else None,
            schedule=item.get("schedule"),
            at=item.get("at", DEFAULT_TIME_OF_DAY),
            timezone=item.get("timezone", DEFAULT_TIMEZONE),
            window_minutes=int(item.get("windowMinutes", DEFAULT_WINDOW_MINUTES)),
            first_on=item.get("firstOn"),
            automatic=bool(item.get("automatic", True)),
            skip_if_not_ready=bool(item.get("skipIfNotReady", True)),
            clean_up_after_hours=int(item["cleanUpAfterHours"]) if item.get("cleanUpAfterHours") else None,
            counts_if=CountsIf(item.get("countsIf", CountsIf.LAUNCHED)),
            invalidated_by=frozenset(map(Invalidation, item.get("invalidatedBy", tuple(Invalidation)))),
            since=item.get("since", ""),
            owed=item.get("owed", ""),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse. Options that do not apply are not written."""
        times = (
            {"everyDays": self.every_days, "at": self.at, "firstOn": self.first_on}
            if self.every_days
            else {"schedule": self.schedule}
        )
        options = {
            **times,
            "cleanUpAfterHours": self.clean_up_after_hours,
            "since": self.since or None,
            "owed": self.owed or None,
        }
        return {
            **{name: value for name, value in options.items() if value is not None},
            "timezone": self.timezone,
            "windowMinutes": self.window_minutes,
            "automatic": self.automatic,
            "skipIfNotReady": self.skip_if_not_ready,
            "countsIf": self.counts_if.value,
            "invalidatedBy": [each.value for each in Invalidation if each in self.invalidated_by],
        }

    @property
    def window_seconds(self) -> int:
        """How long after its appointment a drill may begin."""
        return self.window_minutes * 60

    def has_times_of(self, other: "DrillPolicy | None") -> bool:
        """Whether the other has the same appointments, so that a change of the rest does not begin them anew."""
        if other is None:
            return False
        mine = (self.every_days, self.schedule, self.at, self.timezone, self.first_on)
        return mine == (other.every_days, other.schedule, other.at, other.timezone, other.first_on)
