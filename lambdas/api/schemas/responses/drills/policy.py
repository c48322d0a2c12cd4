"""Drill policies, as the API shows them."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Time
from recovery.domain.drills.policy import CountsIf, Invalidation


class DrillPolicy(TypedDict):
    """When a plan is drilled by itself, which drills count, and what makes one stale."""

    everyDays: NotRequired[Annotated[int | None, Field(description="Days from one drill that counts to the next.")]]
    schedule: NotRequired[
        Annotated[str | None, Field(description="When drills are due: a cron expression of five fields.")]
    ]
    at: NotRequired[Annotated[str | None, Field(description="The time of day of drills every so many days.")]]
    firstOn: NotRequired[Annotated[str | None, Field(description="The earliest date of the first one.")]]
    timezone: Annotated[str, Field(description="The time zone of these times, by its name in IANA's database.")]
    windowMinutes: Annotated[int, Field(description="How long after its appointment a drill may begin.")]
    automatic: Annotated[bool, Field(description="Whether the schedule starts the drills.")]
    skipIfNotReady: Annotated[bool, Field(description="Whether a drill is skipped if the plan is NOT_READY.")]
    cleanUpAfterHours: NotRequired[
        Annotated[int | None, Field(description="When the instances of a drill of the schedule are terminated.")]
    ]
    countsIf: Annotated[CountsIf, Field(description="What each required server must be for a drill to count.")]
    invalidatedBy: Annotated[list[Invalidation], Field(description="What makes a drill that counts stale.")]
    since: NotRequired[
        Annotated[Time | None, Field(description="When these rules were set; no appointment is earlier.")]
    ]
    owed: NotRequired[
        Annotated[
            Time | None,
            Field(description="The deadline that the rules before these had set, which they do not postpone."),
        ]
    ]
