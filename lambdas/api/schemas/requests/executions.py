"""Starts, decisions and clean-ups of runs, as callers send them. Each of these bodies may be empty."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, field_validator

from api.schemas.requests.base import Description, RequestModel
from recovery import clock


def _require_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a time in ISO 8601 with a time zone, such as 2026-11-22T08:15:30Z")
    return value


class StartRequest(RequestModel):
    """Body of a start; it may be empty. `pointInTime` has a time zone and is not in the future."""

    point_in_time: Annotated[AwareDatetime, BeforeValidator(_require_text)] | None = None

    @field_validator("point_in_time")
    @classmethod
    def _refuse_future(cls, moment: datetime | None) -> datetime | None:
        if moment and moment.timestamp() > clock.now():
            raise ValueError("must not be in the future")
        return moment


class DecisionRequest(RequestModel):
    """Body of an operator's decision; it may be empty."""

    comment: Description = ""


class ContinueRequest(RequestModel):
    """Body of a continue; it may be empty. The run keeps the point in time of the one before.

    `replaceExisting`: launches may replace live recovery instances. It holds for this run alone.
    """

    replace_existing: bool = False


class CleanupRequest(RequestModel):
    """Body of a clean-up: empty, or an object without fields."""
