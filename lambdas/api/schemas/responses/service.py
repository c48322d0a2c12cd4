"""The API about itself: its health, its document, its errors."""

from typing import Literal, NotRequired

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict


class RootLinks(TypedDict):
    """Paths of the API. Like a Location, they follow the URL of the API."""

    openapi: str
    health: str


class ApiRoot(TypedDict):
    """What this is."""

    name: str
    version: str
    links: RootLinks


class Health(TypedDict):
    """Whether the API and its tables work. Each table is `ok`, or the reason why it is not."""

    status: Literal["ok", "degraded"]
    version: str
    tables: dict[str, str]


@with_config(ConfigDict(extra="allow"))
class OpenapiDocument(TypedDict):
    """This document."""

    openapi: str


class FieldProblem(TypedDict):
    """A field that is wrong, and why."""

    field: str
    message: str


@with_config(ConfigDict(extra="allow"))
class Problem(TypedDict):
    """An error, as RFC 9457 defines it; `code` identifies it. Some have further fields, such as `executionId`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    advice: str
    correlationId: str
    problems: NotRequired[list[FieldProblem] | None]
