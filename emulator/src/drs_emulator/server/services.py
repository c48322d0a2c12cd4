"""The services that the emulator plays, each with its protocol. They share one URL.

A request is for the service that it is signed for. DRS has a path for each operation, Systems Manager and Service
Quotas have the header X-Amz-Target; EC2, Elastic Load Balancing and IAM post forms to the root path.
"""

import re
from dataclasses import dataclass
from typing import Any

from drs_emulator.errors import NotBuilt, Refused, ServiceError
from drs_emulator.operations import BUILT_BY_SERVICE
from drs_emulator.operations.ec2.networks import knows_tagged
from drs_emulator.operations.registry import Handler
from drs_emulator.protocol import json_rpc, query, rest_json
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.protocol.service_model import Operation, ServiceModel, service_model
from drs_emulator.world.target import Target

Labels = dict[str, str]
# Only these are the engine's, if there is one; it has the instances and IAM. All else that is built is played here: an
# engine does not boot its instances, and a launch is placed in the networks of the emulator
OF_ENGINE = {"DescribeInstances", "GetInstanceProfile"}
OF_OWNER = {"CreateTags", "DeleteTags"}  # of what the tagged resources belong to
TAGGED = re.compile(r"(?i)ResourceId\.\d+")


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
        return {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}.get(self.name, self.name)

    @property
    def built(self) -> dict[str, Handler]:
        return BUILT_BY_SERVICE[self.name]

    def missing(self, operation: Operation) -> ServiceError:
        """Return the error of an operation that is not built."""
        return NotBuilt(f"The DRS emulator does not implement {operation.name}")

    def is_of_engine(self, operation: Operation, request: Request, target: Target) -> bool:
        """Return whether an engine, if there is one, answers this request."""
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
class JsonService(Service):
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
        return Refused("InvalidAction", f"the emulator supports only {', '.join(sorted(self.built))}")

    def is_of_engine(self, operation: Operation, request: Request, target: Target) -> bool:
        if operation.name in OF_OWNER and operation.name in self.built:
            named = [value for name, value in query.read_form(request).items() if TAGGED.fullmatch(name)]
            return not all(knows_tagged(target, each) for each in named)
        return operation.name in OF_ENGINE or operation.name not in self.built

    def parse(self, operation: Operation, labels: Labels, request: Request) -> dict[str, Any]:
        values = query.parse(self.dialect, operation, request)
        if values.get("DryRun"):
            raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        return values

    def render(self, operation: Operation, output: dict[str, Any], request_id: str) -> Reply:
        return query.render(self.dialect, self.model, operation, output, request_id)

    def render_error(self, error: ServiceError, request_id: str) -> Reply:
        return query.render_error(self.dialect, error, request_id)


DRS, SSM, QUOTAS = Service("drs"), JsonService("ssm"), JsonService("service-quotas")
EC2, ELB, IAM = (
    QueryService("ec2", query.EC2),
    QueryService("elbv2", query.QUERY),
    QueryService("iam", query.QUERY),
)


def find_service(request: Request) -> Service:
    if json_rpc.TARGET_HEADER in request.headers:
        target = request.headers[json_rpc.TARGET_HEADER]
        return QUOTAS if target.startswith(f"{QUOTAS.model.target_prefix}.") else SSM
    if request.method != "POST" or request.path != "/":
        return DRS
    authorization = request.headers.get("authorization", "")
    if "/elasticloadbalancing/" in authorization:
        return ELB
    return IAM if "/iam/" in authorization else EC2
