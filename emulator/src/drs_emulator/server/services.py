"""The services that the emulator plays, each with its protocol. They share one URL.

A request is for the service that it is signed for. DRS has a path for each operation, Systems Manager the header
X-Amz-Target; EC2 and Elastic Load Balancing post forms to the root path.
"""

from dataclasses import dataclass
from typing import Any

from drs_emulator.errors import NotBuilt, Refused, ServiceError
from drs_emulator.operations import BUILT_BY_SERVICE
from drs_emulator.operations.registry import Handler
from drs_emulator.protocol import json_rpc, query, rest_json
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.protocol.service_model import Operation, ServiceModel, service_model

Labels = dict[str, str]
# What the emulator plays though an engine has the instances, which does not boot them
PLAYED_WITH_ENGINE = {"DescribeInstanceStatus", "DescribeTargetHealth"}


@dataclass(frozen=True, slots=True)
class Service:
    """A service by the name of its model in botocore. The methods are those of DRS; the others override them."""

    name: str

    @property
    def model(self) -> ServiceModel:
        return service_model(self.name)

    @property
    def iam_prefix(self) -> str:
        """The service in the names of IAM actions."""
        return {"elbv2": "elasticloadbalancing"}.get(self.name, self.name)

    @property
    def built(self) -> dict[str, Handler]:
        return BUILT_BY_SERVICE[self.name]

    def missing(self, operation: Operation) -> ServiceError:
        """Return the error of an operation that is not built."""
        return NotBuilt(f"The DRS emulator does not implement {operation.name}")

    def is_of_engine(self, operation: Operation) -> bool:
        """Return whether an engine, if there is one, answers this operation."""
        return False

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
class QueryService(Service):
    dialect: query.Dialect

    def match(self, request: Request) -> tuple[Operation, Labels]:
        return query.match(self.model, request), {}

    def missing(self, operation: Operation) -> ServiceError:
        return Refused("InvalidAction", f"the emulator supports only {' and '.join(self.built)}")

    def is_of_engine(self, operation: Operation) -> bool:
        return operation.name not in PLAYED_WITH_ENGINE

    def parse(self, operation: Operation, labels: Labels, request: Request) -> dict[str, Any]:
        return query.parse(self.dialect, operation, request)

    def render(self, operation: Operation, output: dict[str, Any], request_id: str) -> Reply:
        return query.render(self.dialect, self.model, operation, output, request_id)

    def render_error(self, error: ServiceError, request_id: str) -> Reply:
        return query.render_error(self.dialect, error, request_id)


DRS, SSM = Service("drs"), SystemsManager("ssm")
EC2, ELB = QueryService("ec2", query.EC2), QueryService("elbv2", query.QUERY)


def find_service(request: Request) -> Service:
    if json_rpc.TARGET_HEADER in request.headers:
        return SSM
    if request.method != "POST" or request.path != "/":
        return DRS
    return ELB if "/elasticloadbalancing/" in request.headers.get("authorization", "") else EC2
