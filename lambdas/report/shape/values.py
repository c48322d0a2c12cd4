"""Values that the parts of a report share."""

from typing import Annotated, Literal

from pydantic import Field

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Seconds = Annotated[int, Field(description="Seconds.")]
RunStatus = Literal["PENDING", "POLLING", "PAUSED", "READY", "COMPLETED", "PARTIAL", "FAILED", "CANCELLED", "NOT_READY"]
WaveStatus = Literal[
    "WAITING",
    "PAUSED",
    "AWAITING_APPROVAL",
    "IN_PROGRESS",
    "AWAITING_DECISION",
    "COMPLETED",
    "PARTIAL",
    "FAILED",
    "SKIPPED",
    "CHECKED",
]
