"""The API about itself: its health, its document, its errors."""

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from api.schemas.responses.base import ResponseModel


class Health(ResponseModel):
    """Whether the API and its tables answer; a table is `ok`, or says what is wrong."""

    status: Literal["ok", "degraded"]
    version: str
    tables: dict[str, str]


class OpenapiDocument(ResponseModel):
    """This document."""

    model_config = ConfigDict(extra="allow")

    openapi: str


class FieldProblem(ResponseModel):
    """A field that is wrong, and how."""

    field: str
    message: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it; `code` tells which. Some errors carry further facts, such as `executionId`."""

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
