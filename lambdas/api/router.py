"""Declares an operation of the API beside the function that answers it."""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic.alias_generators import to_camel

from api.http.parameters import Parameter, check_query, single_header
from api.http.paths import ROUTE_WORDS, fixed_parts, is_path_as_authorized, is_path_of
from api.http.request import json_body
from api.http.response import json_response
from api.schemas.requests.base import RequestModel, parse
from api.schemas.responses.base import Versioned
from recovery.errors import AwsUnavailable, DrsWavesError, InvalidRequest

# Errors of every operation: each refuses a query parameter that it does not know.
COMMON_ERRORS = frozenset[type[DrsWavesError]]((AwsUnavailable, InvalidRequest))

# An answer is a dict of one of the shapes in `api.schemas.responses`, or None.
Handler = TypeVar("Handler", bound=Callable[..., Mapping[str, object] | None])


class Operation(NamedTuple):
    """A method of a path, as callers see it. `path` is written as in OpenAPI: `/executions/{executionId}`.

    `location` is a template of the Location header; fields of the answer stand in braces. `errors` are those that are
    specific to the operation; `all_errors` adds those of every such request.
    """

    method: str
    path: str
    tag: str
    handler: Callable[..., Mapping[str, object] | None]
    body: type[RequestModel] | None
    answer: type[Mapping[str, object]] | None
    status: int
    location: str | None
    parameters: tuple[Parameter, ...]
    errors: tuple[type[DrsWavesError], ...]

    @property
    def name(self) -> str:
        """The operationId: the function's name as the API writes names."""
        return to_camel(self.handler.__name__)

    @property
    def body_is_optional(self) -> bool:
        """Whether the request may come without a body, because every field of it has a default."""
        return self.body is not None and not any(field.is_required() for field in self.body.model_fields.values())

    @property
    def has_version(self) -> bool:
        """Whether the answer is a resource with a version, which is its ETag."""
        return self.answer is not None and Versioned.__annotations__.items() <= self.answer.__annotations__.items()

    @property
    def query_names(self) -> tuple[str, ...]:
        """The query parameters that the operation knows."""
        return tuple(each.name for each in self.parameters if each.where == "query")

    @property
    def all_errors(self) -> frozenset[type[DrsWavesError]]:
        """Every error of ours that the operation can answer with."""
        return COMMON_ERRORS.union(self.errors)


class Router(APIGatewayRouter):
    """The operations on one kind of resource. `tag` is the heading under which OpenAPI lists them."""

    def __init__(self, tag: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # powertools leaves it untyped
        self.tag = tag
        self.operations: list[Operation] = []

    def operation(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        location: str | None = None,
        parameters: tuple[Parameter, ...] = (),
        errors: tuple[type[DrsWavesError], ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Register the function as a route and as an operation of the OpenAPI document.

        The function's name is the operationId, its docstring the description. The annotation of its argument `body` is
        the model of the request, and its return annotation the shape of the answer. One that returns None answers 204.
        Raise ValueError for a word that `ROUTE_WORDS` does not have, because an id could be that word.
        """
        if unknown := fixed_parts(path) - ROUTE_WORDS:
            raise ValueError(f"ROUTE_WORDS of api.http.paths lacks {', '.join(sorted(unknown))} of {path}")

        def register(handler: Handler) -> Handler:
            types = handler.__annotations__
            operation = Operation(
                method=method,
                path=path,
                tag=self.tag,
                handler=handler,
                body=types.get("body"),
                answer=types["return"],
                status=status if types["return"] else 204,
                location=location,
                parameters=parameters,
                errors=errors,
            )
            self.operations.append(operation)

            @wraps(handler)
            def route(**arguments: Any) -> Response[str]:
                _require_exact_route(operation, self.current_event, arguments)
                return _respond(operation, self.current_event, arguments)

            self.route(_rule(path), method)(route)
            return handler

        return register


class Api(APIGatewayRestResolver):
    """The routes of all routers."""

    def __init__(self, *routers: Router) -> None:
        super().__init__(strip_prefixes=[])
        self.operations: list[Operation] = []
        for router in routers:
            self.include_router(router)
            self.operations += router.operations

    def list_methods(self, event: APIGatewayProxyEvent) -> list[str]:
        """The methods that the path of a request has; none for a path that is not written as that of a route."""
        if not is_path_as_authorized(event.raw_event):
            return []
        return [operation.method for operation in self.operations if is_path_of(operation.path, event.path)]


def _require_exact_route(operation: Operation, event: APIGatewayProxyEvent, ids: Mapping[str, str]) -> None:
    """Raise NotFoundError for a request that IAM may have judged as another one.

    Powertools ignores slashes at the end of a path and the case of a method. IAM does not.
    """
    is_exact = event.http_method == operation.method and is_path_as_authorized(event.raw_event)
    if not is_exact or not ROUTE_WORDS.isdisjoint(ids.values()):
        raise NotFoundError


def _respond(operation: Operation, event: APIGatewayProxyEvent, arguments: dict[str, Any]) -> Response[str]:
    check_query(event, operation.query_names)
    for parameter in operation.parameters:
        if parameter.where == "header":
            single_header(event, parameter.name)
    if operation.body:
        arguments["body"] = read_body(event, operation.body, may_be_empty=operation.body_is_optional)
    answer = operation.handler(**arguments)
    headers = {"ETag": f'"{answer["version"]}"'} if answer and operation.has_version else {}
    if answer and operation.location:
        headers["Location"] = operation.location.format(**answer)
    return json_response(operation.status, answer, headers)


def read_body(event: APIGatewayProxyEvent, model: type[RequestModel], *, may_be_empty: bool) -> RequestModel:
    """The request's body as the model. Raise InvalidRequest."""
    return parse(model, json_body(event, may_be_empty=may_be_empty))


def _rule(path: str) -> str:
    """The path as powertools writes it: `/executions/<execution_id>`."""
    snake = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", path)  # only names in braces have capitals
    return snake.replace("{", "<").replace("}", ">")
