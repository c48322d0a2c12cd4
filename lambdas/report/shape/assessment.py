"""Whether the run counts as a drill, what people say of it, and what changed since the drill before."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

from report.shape.values import RunStatus, Sha256, Time

_Date = Annotated[str, Field(json_schema_extra={"format": "date"})]


class Opinion(TypedDict):
    """What a person said of the run."""

    verdict: Literal["ACCEPTED", "REJECTED"]
    comment: str
    by: str
    at: Time


class PersonVerdict(Opinion):
    """The verdict of a person, with those that it has replaced, oldest first."""

    bySamePerson: Annotated[bool, Field(description="Whether the author may be who started the run.")]
    earlier: list[Opinion]


class Finding(TypedDict):
    """What a person has found: what has to be done, by whom and until when."""

    findingId: str
    executionId: Annotated[str, Field(description="The run that it was opened about.")]
    title: str
    description: str
    owner: str
    due: _Date
    status: Literal["OPEN", "CLOSED"]
    overdue: Annotated[bool, Field(description="Open after its due date, when this report was made.")]
    openedBy: str
    openedAt: Time
    closedBy: str | None
    closedAt: Time | None
    closingComment: str | None


class Previous(TypedDict):
    """The drill of the plan before this run and its chain."""

    executionId: str
    requestedAt: Time
    status: RunStatus
    planHash: str


class Change(TypedDict):
    """A difference between the plan and groups of the drill before and those of this run."""

    subject: Annotated[str, Field(description="`plan`, or `group` and the name of the group.")]
    field: str
    before: str | None
    after: str | None


class Assessment(TypedDict):
    """The assessment of a drill or a recovery."""

    counts: Annotated[bool | None, Field(description="Null for no drill, and until it is recorded after the end.")]
    whyNot: Annotated[list[str], Field(description="Why it does not count.")]
    planHash: Annotated[Sha256, Field(description="Of the waves and actions of the plan that the run had.")]
    verdict: Annotated[PersonVerdict | None, Field(description="Null before the first.")]
    previous: Previous | None
    changes: Annotated[
        list[Change] | None, Field(description="The first 200 since the drill before; null if they are not known.")
    ]
    findings: Annotated[list[Finding], Field(description="Opened about this run.")]
    carried: Annotated[
        list[Finding],
        Field(description="About earlier runs: open at the end of the drill before or opened since; as they are now."),
    ]
