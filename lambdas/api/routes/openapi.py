"""The API as tools read it."""

from aws_lambda_powertools.event_handler import Response, content_types
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


@router.get("/openapi.json")
def read_openapi() -> Response[str]:
    """The OpenAPI document of this API."""
    from api.openapi import builder  # takes a quarter of a second, which no other request should wait for

    return Response(200, content_types.APPLICATION_JSON, builder.document_json())
