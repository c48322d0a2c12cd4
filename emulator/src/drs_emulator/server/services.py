"""The services that the emulator plays, each with its protocol. They share one URL.

A request is for the service that it is signed for. DRS has a path for each operation, Systems Manager the header
X-Amz-Target, and EC2 posts forms to the root path.
"""

from dataclasses import dataclass
from typing import Any

from drs_emulator.errors import Refused, ServiceError
from drs_emulator.operations import BUILT_BY_SERVICE
from drs_emulator.operations.registry import Handler
from drs_emulator.protocol import ec2_query, json_rpc, rest_json
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.protocol.service_model import Operation, ServiceModel, service_model

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Service:
    """A service by the name of its model in botocore. The methods are those of DRS; the others override them."""

    name: str

    @property
    def model(self) -> ServiceModel:
        return service_model(self.name)

    @property
    def built(self) -> dict[str, Handler]:
        return BUILT_BY_SERVICE[self.name]

    def match(self, request: Request) -> tuple[Operation, Labels]:
        """Find the operation of a request, and the values of its path labels. Raise ServiceError."""
        return self.model.match(request.method, request.path)

    def parse(self, operation: Operation, labels: Labels, request: Request) -> dict[str, Any]:
        """Return the validated input. Raise ServiceError."""
        return rest_json.parse(operation, labels, request)

    def render(self, operation: Operation, output: dict[str, Any], request_id: str) -> Reply:
        return rest_json.render(operation, output, request_id)

    def render_error(self, error: ServiceError, request_id: str) -> Reply:
        return rest_json.render_error(self.model, error, request_id)


@dataclass(frozen=True, slots=True)
class SystemsManager(Service):
    def match(self, request: Request) -> tuple[Operation, Labels]:
        return json_rpc.match(self.model, request), {}

    def parse(self, operation: Operation, labels: Labels, request: Request) -> dict[str, Any]:
        return json_rpc.parse(operation, request)

    def render(self, operation: Operation, output: dict[str, Any], request_id: str) -> Reply:
        return json_rpc.render(output, request_id)

    def render_error(self, error: ServiceError, request_id: str) -> Reply:
        return json_rpc.render_error(self.model, error, request_id)


@dataclass(frozen=True, slots=True)
class Ec2(Service):
    def match(self, request: Request) -> tuple[Operation, Labels]:
        operation = ec2_query.match(self.model, request)
        if operation.name not in self.built:
            raise Refused("InvalidAction", f"the emulator supports only {' and '.join(sorted(self.built))}")
        return operation, {}

    def parse(self, operation: Operation, labels: Labels, request: Request) -> dict[str, Any]:
        return ec2_query.parse(operation, request)

    def render(self, operation: Operation, output: dict[str, Any], request_id: str) -> Reply:
        return ec2_query.render(self.model, operation, output, request_id)

    def render_error(self, error: ServiceError, request_id: str) -> Reply:
        return ec2_query.render_error(error, request_id)


DRS, SSM, EC2 = Service("drs"), SystemsManager("ssm"), Ec2("ec2")


def find_service(request: Request) -> Service:
    if json_rpc.TARGET_HEADER in request.headers:
        return SSM
    return EC2 if request.method == "POST" and request.path == "/" else DRS
