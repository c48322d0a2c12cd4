"""The awsJson1.1 protocol of Systems Manager and Service Quotas: one path, and the operation in X-Amz-Target."""

import json
from typing import Any

from drs_emulator.errors import InternalServer, Invalid, ServiceError, Throttled, Unavailable, UnknownOperation
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.protocol.rest_json import parse_body
from drs_emulator.protocol.service_model import Operation, ServiceModel
from drs_emulator.protocol.validation import check_input

TARGET_HEADER = "x-amz-target"
JSON_1_1 = {"Content-Type": "application/x-amz-json-1.1"}


def match(model: ServiceModel, request: Request) -> Operation:
    """Find the operation of a request. Raise UnknownOperation."""
    name = request.headers.get(TARGET_HEADER, "").removeprefix(f"{model.target_prefix}.")
    if name not in model.operations:
        raise UnknownOperation(f"{name} is no operation of this service")
    return model.operations[name]


def parse(operation: Operation, request: Request) -> dict[str, Any]:
    """Return the validated input of a request, without members unknown to the model. Raise Invalid."""
    sent = parse_body(request.body)
    members = operation.input.members if operation.input else {}
    values = {name: value for name, value in sent.items() if name in members and value is not None}
    check_input(operation, values)
    return values


def render(output: dict[str, Any], request_id: str) -> Reply:
    body = json.dumps(output, separators=(",", ":")).encode()
    return Reply(200, {"x-amzn-RequestId": request_id, **JSON_1_1}, body)


CODES: dict[str, dict[type[ServiceError], str]] = {  # what the services have for errors that all of them raise
    "AmazonSSM": {InternalServer: "InternalServerError"},
    "ServiceQuotasV20190624": {
        InternalServer: "ServiceException",
        Throttled: "TooManyRequestsException",
        Invalid: "IllegalArgumentException",
    },
}


def render_error(model: ServiceModel, error: ServiceError, request_id: str) -> Reply:
    """Render an error with the code that this service has for it. All but failures of the service have status 400."""
    code = CODES[model.target_prefix].get(type(error), error.code)
    shape = model.errors.get(code)
    body = {"__type": code}
    if shape is None or isinstance(error, Invalid):
        body["message"] = error.message
    else:  # some errors, such as InvocationDoesNotExist, have no message
        body |= {name: error.message for name in shape.shape.members if name.lower() == "message"}
    status = shape.status if shape else 400
    if isinstance(error, Unavailable):
        status = error.status
    return Reply(status, {"x-amzn-RequestId": request_id, **JSON_1_1}, json.dumps(body).encode())
