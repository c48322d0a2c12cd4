"""What people say of runs, as callers send it: verdicts, and findings with an owner and a due date."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from api.schemas.requests.base import Description, Name, RequestModel, Version
from api.schemas.requests.executions import Comment
from api.schemas.requests.forms import Form
from recovery.domain.drills.verdicts import Judgement
from recovery.drills.drill_findings import FindingText

DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _require_date(text: str) -> str:
    try:
        if re.fullmatch(DATE_PATTERN, text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise ValueError("must be a date, such as 2026-12-31")


Date = Annotated[
    str,
    AfterValidator(_require_date),
    Form("a date", "2026-12-31"),
    Field(json_schema_extra={"format": "date", "pattern": DATE_PATTERN}),
]


class VerdictRequest(RequestModel):
    """Body of a verdict on a run that has ended. A rejection needs a comment."""

    verdict: Judgement = Field(description="Whether the run is accepted. A drill that is rejected does not count.")
    comment: Comment | None = Field(default=None, description="The reason, for the record.")


class DrillFindingRequest(RequestModel):
    """Body of POST …/drill-findings: what has to be done after a drill."""

    title: Annotated[Name, Form("a short text", "DNS was changed by hand")] = Field(
        description="What was found, in a few words."
    )
    description: Description = Field(default="", description="What was found, and what to do about it.")
    owner: Annotated[Name, Form("a name", "network team")] = Field(description="Who sees to it.")
    due: Date = Field(description="The last day on which it is in time, in UTC. It must not be in the past.")

    def to_text(self) -> FindingText:
        """The text to store."""
        return FindingText(self.title, self.description, self.owner, date.fromisoformat(self.due))


class DrillFindingUpdate(DrillFindingRequest):
    """Body of POST …/drill-findings/{findingId}/amend: the whole text."""

    version: Version | None = None


class FindingDecision(RequestModel):
    """Body of a close or a reopen: why."""

    comment: Comment = Field(description="What was done about it, or why it is open again.")
