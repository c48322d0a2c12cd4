"""What all answers share: the base model, pages, and resources with a version."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class ResponseModel(BaseModel):
    # `defer_build`: pydantic builds each model on first use.
    model_config = ConfigDict(
        extra="forbid", alias_generator=to_camel, validate_by_name=True, frozen=True, defer_build=True
    )

    @classmethod
    def from_item(cls, item: Mapping[str, Any], **computed: Any) -> Self:
        """Build the model from a row, which may hold more than is shown, and from fields that are not in the row.

        A field that the row lacks is null, or missing if it has a default.
        """
        stored = {
            name: item.get(field.alias or name)
            for name, field in cls.model_fields.items()
            if field.is_required() or item.get(field.alias or name) is not None
        }
        return cls.model_validate({**stored, **computed}, extra="ignore")


class PageModel(ResponseModel):
    next_token: str | None = Field(description="Null on the last page.")


class Versioned(ResponseModel):
    """A resource that callers change; its version is also its ETag."""

    version: int
