"""The API's own description."""

from typing import cast

from api.router import Api, Router
from api.schemas.responses.service import OpenapiDocument

router = Router("Service")


@router.operation("GET", "/openapi.json")
def read_openapi() -> OpenapiDocument:
    """Returns the OpenAPI document of this API."""
    from api.openapi import builder  # takes a quarter of a second, for which no other request should wait

    operations = cast("Api", router.api_resolver).operations
    return cast("OpenapiDocument", builder.build_document(operations))
