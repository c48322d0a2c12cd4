"""The API about itself: its health, its document, its errors."""

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from api.schemas.responses.base import ResponseModel


class Health(ResponseModel):
    """Whether the API and its tables work. Each table is `ok`, or the reason why it is not."""

    status: Literal["ok", "degraded"]
    version: str
    tables: dict[str, str]


class OpenapiDocument(ResponseModel):
    """This document."""

    model_config = ConfigDict(extra="allow")

    openapi: str


class FieldProblem(ResponseModel):
    """A field that is wrong, and why."""

    field: str
    message: str


class Problem(BaseModel):
    """An error, as RFC 9457 defines it; `code` identifies it. Some have further fields, such as `executionId`."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    advice: str
    correlation_id: str
    problems: list[FieldProblem] | None = None
