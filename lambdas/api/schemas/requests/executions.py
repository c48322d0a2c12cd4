"""Starts, decisions and clean-ups of runs, as callers send them. Each of these bodies may be empty."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, StrictBool, field_validator

from api.schemas.requests.base import Description, RequestModel
from recovery import clock


def _require_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a time in ISO 8601 with a time zone, such as 2026-11-22T08:15:30Z")
    return value


# Whether launches may replace recovery instances that are not a drill's, and instances that servers launch into.
ReplaceExisting = Annotated[
    StrictBool,
    Field(description="Agrees that launches replace live recovery instances, which may be production."),
]


class StartRequest(RequestModel):
    """Body of a start; it may be empty. `pointInTime` has a time zone and is not in the future."""

    point_in_time: Annotated[AwareDatetime, BeforeValidator(_require_text)] | None = None
    replace_existing: ReplaceExisting = False

    @field_validator("point_in_time")
    @classmethod
    def _refuse_future(cls, moment: datetime | None) -> datetime | None:
        if moment and moment.timestamp() > clock.now():
            raise ValueError("must not be in the future")
        return moment


class DecisionRequest(RequestModel):
    """Body of an operator's decision; it may be empty."""

    comment: Description = ""


class ContinueRequest(DecisionRequest):
    """Body of a continuation; it may be empty."""

    replace_existing: ReplaceExisting = False


class CleanupRequest(RequestModel):
    """Body of a clean-up: empty, or an object without fields."""
