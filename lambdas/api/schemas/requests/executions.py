"""Starts, decisions and clean-ups of runs, as callers send them. Each of these bodies may be empty.

In every body, null in an optional field means the same as leaving the field out, as it does in answers. An empty text
never does: it is refused where it is no value.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool

from api.http.times import INSTRUCTION, TIME_PATTERN, parse_time
from api.schemas.requests.base import Description, RequestModel
from recovery import clock
from recovery.domain.launch_profiles.profiles import ProfileOption
from recovery.domain.wave_steps.actions import ActionsOption

# DRS keeps points in time for 1 to 365 days (its user guide, "Point in time (PIT) policy"). A day is added, because the
# oldest one is removed some time after it expires.
MAX_RETENTION = timedelta(days=365)
MAX_AGE = MAX_RETENTION + timedelta(days=1)
# The clocks of callers differ a little from AWS's. DRS has no snapshot of the future, so this recovers the newest one.
MAX_CLOCK_SKEW = timedelta(minutes=1)


def _parse_time(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(f"must be text; {INSTRUCTION}")
    return parse_time(value)


def _require_kept(moment: datetime) -> datetime:
    """Raise ValueError for a moment that DRS cannot have a snapshot of."""
    age = clock.now() - moment.timestamp()
    if age < -MAX_CLOCK_SKEW.total_seconds():
        raise ValueError(f"must not be in the future; now it is {clock.iso()}")
    if age > MAX_AGE.total_seconds():
        raise ValueError(f"is more than {MAX_RETENTION.days} days ago, and DRS keeps snapshots for no longer than that")
    return moment


def _require_words(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty; leave it out, or give the reason")
    return text


PointInTime = Annotated[
    datetime,
    BeforeValidator(_parse_time),
    AfterValidator(_require_kept),
    Field(json_schema_extra={"pattern": TIME_PATTERN}),
]
Comment = Annotated[Description, AfterValidator(_require_words), Field(json_schema_extra={"minLength": 1})]


# Whether launches may replace recovery instances that are not a drill's, and instances that servers launch into.
ReplaceExisting = Annotated[
    StrictBool,
    Field(description="Agrees that launches replace live recovery instances, which may be production."),
]


ProfilesField = Annotated[
    ProfileOption | None,
    Field(
        default=None,
        description="Whether servers are launched as the launch profiles of their groups say (`apply`, the default) "
        "or as their own launch settings say (`skip`). A drill whose profile requires isolation cannot skip it.",
    ),
]
ReserveCapacity = Annotated[
    StrictBool | None,
    Field(
        default=None,
        description="Reserves capacity of EC2 for all servers of the run before its first wave, until its end. "
        "Reserved capacity costs as much as running instances.",
    ),
]


class StartRequest(RequestModel):
    """Body of a start; it may be empty. `pointInTime` has a time zone, and DRS can have a snapshot of it."""

    point_in_time: PointInTime | None = None
    replace_existing: ReplaceExisting | None = None


class StartRecoveryRequest(StartRequest):
    """Body of a start of a recovery; it may be empty."""

    launch_profiles: ProfilesField
    reserve_capacity: ReserveCapacity


class StartDrillRequest(StartRecoveryRequest):
    """Body of a start of a drill; it may be empty."""

    actions: ActionsOption | None = Field(
        default=None,
        description="What the drill does with the actions of its plan: `run` runs them, `skip` leaves them out, and "
        "`verifyOnly` looks whether each could run and starts none. Without it, it runs them.",
    )


class DecisionRequest(RequestModel):
    """Body of an operator's decision; it may be empty."""

    comment: Comment | None = None


class ContinueRequest(RequestModel):
    """Body of a continue; it may be empty. The run keeps the point in time and the options of the one before, but not
    its consent.
    """

    replace_existing: ReplaceExisting | None = None
    launch_profiles: ProfilesField
    reserve_capacity: ReserveCapacity


class CleanupRequest(RequestModel):
    """Body of a clean-up: empty, or an object without fields."""
