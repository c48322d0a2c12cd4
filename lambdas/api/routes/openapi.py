"""The API's own description: what it is, and its OpenAPI document."""

from typing import cast

from api.router import Api, Router
from api.schemas.responses.service import ApiRoot, OpenapiDocument
from recovery import VERSION

router = Router("Service")


@router.operation("GET", "/")
def read_root() -> ApiRoot:
    """Says what this is: its name, its version, and where to find its document and its health."""
    return {"name": "drs-waves", "version": VERSION, "links": {"openapi": "/openapi.json", "health": "/health"}}


@router.operation("GET", "/openapi.json")
def read_openapi() -> OpenapiDocument:
    """Returns the OpenAPI document of this API."""
    from api.openapi import builder  # takes a quarter of a second, for which no other request should wait

    operations = cast("Api", router.api_resolver).operations
    return cast("OpenapiDocument", builder.build_document(operations))
