"""What all answers share: pages, resources with a version, and building an answer from a row."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, cast, get_args, get_type_hints

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

Shape = TypeVar("Shape")

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A moment as RFC 3339 writes it, such as `2026-11-22T08:15:30.123Z`: what `clock.iso` and DRS's shapes give."""


class Paged(TypedDict):
    """A page of a list."""

    nextToken: Annotated[str | None, Field(description="Null on the last page.")]


class Versioned(TypedDict):
    """A resource that callers change; its version is also its ETag."""

    version: int


class Authored(Versioned):
    """A resource that says who changed it last."""

    updatedBy: Annotated[
        str | None,
        Field(description="The verified ARN of the caller who changed it last; null if that was not recorded."),
    ]
    updatedAt: Annotated[Time | None, Field(description="When it was changed last; null if that was not recorded.")]


def build_from_row(shape: type[Shape], row: Mapping[str, Any], **computed: Any) -> Shape:
    """Build an answer from a row, which may hold more than is shown, and from fields that are not in the row.

    A field that the row lacks is left out if it is not required, and otherwise null. Raise KeyError if it is required
    and may not be null.
    """
    values, answer = {**row, **computed}, dict[str, Any]()
    for name, is_required, may_be_null in _fields(shape):  # type: ignore[arg-type]  # mypy doubts that a class is hashable
        value = values.get(name)
        if value is None and is_required and not may_be_null:
            raise KeyError(name)
        if value is not None or is_required:
            answer[name] = value
    return cast("Shape", answer)


@cache
def _fields(shape: type[Any]) -> list[tuple[str, bool, bool]]:
    """The name of each field, whether it is required, and whether it may be null."""
    return [
        (name, name in shape.__required_keys__, type(None) in get_args(kind))
        for name, kind in get_type_hints(shape).items()
    ]
