"""The history of a plan, group or account, as the API shows it."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time


class FieldChange(TypedDict):
    """A field that differs between two versions."""

    field: Annotated[str, Field(description="The field, such as `waves[database].maxFailedPercent`.")]
    before: Annotated[
        str | None,
        Field(description="A text as it was, anything else as JSON; long ones are cut. Null if there was nothing."),
    ]
    after: Annotated[str | None, Field(description="The same of the value that it has since; null if it has none.")]


class HistoryEntry(TypedDict):
    """A version of a plan, group or account: who wrote it, when, and what it changed."""

    number: Annotated[
        int,
        Field(description="The place of the entry in its history. It is the version, unless a table was restored."),
    ]
    version: Annotated[
        int, Field(description="The version that was written. A deletion has the one after the last version.")
    ]
    name: Annotated[str, Field(description="The name at that time.")]
    at: Annotated[Time | None, Field(description="When it was written; null if that was not recorded.")]
    by: Annotated[
        str | None, Field(description="The verified ARN of the caller who wrote it; null if that was not recorded.")
    ]
    deleted: Annotated[bool, Field(description="Whether the change was a deletion.")]
    found: Annotated[
        bool,
        Field(
            description=(
                "Whether the API found this version in its table, and did not write it: it is older than the history, "
                "or the table was copied or restored."
            )
        ),
    ]
    changes: Annotated[
        list[FieldChange],
        Field(description="What differs from the entry before. Every field of a new resource; none of a deletion."),
    ]


class History(Paged):
    """A page of a history, newest first."""

    history: Annotated[list[HistoryEntry], Field(description="The entries of this page.")]
