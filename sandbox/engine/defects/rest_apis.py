"""API Gateway: what is missing from the import of a REST API's OpenAPI document."""

from typing import Any

from ministack.services import apigateway_v1

from sandbox.engine.patch import defect

_ANY_METHOD = "x-amazon-apigateway-any-method"
_GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"


@defect("MiniStack 1.5.33")
def import_any_methods() -> None:
    """Import the method ANY, which SAM writes for an event with `Method: ANY`.

    MiniStack ignores API Gateway's key for it, so the API answers 403 to every request.
    """
    import_operation = apigateway_v1._import_operation

    def import_any_as_well(api_id: str, resource_id: str, http_method: str, *rest: Any) -> None:
        method = "ANY" if http_method.lower() == _ANY_METHOD else http_method
        import_operation(api_id, resource_id, method, *rest)

    apigateway_v1._OPENAPI_HTTP_METHODS.add(_ANY_METHOD)
    apigateway_v1._import_operation = import_any_as_well


@defect("MiniStack 1.5.33")
def import_gateway_responses() -> None:
    """Import the gateway responses: what the API answers to an unsigned request or an unknown route.

    MiniStack ignores API Gateway's key for them and sends responses of its own.
    """
    import_rest_api = apigateway_v1._import_rest_api

    def import_responses_as_well(spec: dict[str, Any], *rest: Any) -> Any:
        api_id = import_rest_api(spec, *rest)
        for kind, response in spec.get(_GATEWAY_RESPONSES, {}).items():
            apigateway_v1._put_gateway_response(api_id, kind, response)
        return api_id

    apigateway_v1._import_rest_api = import_responses_as_well
