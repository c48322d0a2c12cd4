"""Changes what launches need in a target, and reads what readiness runs have found of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from recovery.domain.findings.finding import Finding, Severity
from recovery.store.launches import findings
from tests.support.product import HUB, WEST, Product

PLACE = {"accountId": HUB, "region": WEST}
ZONES = (f"{WEST}a", f"{WEST}b")


def add_resource(product: Product, kind: str, **resource: Any) -> str:
    """Add a resource of a network as EC2 describes it, or change one; return its id."""
    return str(product.emulator.control.add_ec2_resource(kind, HUB, WEST, resource))


def add_subnet(product: Product, number: int, zone: str = ZONES[0], **more: Any) -> str:
    """A subnet in a VPC of its own, which has no ways out and a security group; return its id."""
    vpc = add_resource(product, "Vpc", VpcId=f"vpc-0d{number:06}", CidrBlock=f"10.{number}.0.0/16")
    add_resource(product, "SecurityGroup", GroupId=f"sg-0d{number:06}", GroupName="default", VpcId=vpc, Description="x")
    main = {"Main": True, "RouteTableAssociationId": f"rtbassoc-0d{number:06}"}
    table = {"RouteTableId": f"rtb-0d{number:06}", "VpcId": vpc, "Associations": [main]}
    add_resource(product, "RouteTable", **table, Routes=[])
    subnet = {"SubnetId": f"subnet-0d{number:06}", "VpcId": vpc, "CidrBlock": f"10.{number}.0.0/24"}
    return add_resource(product, "Subnet", **subnet, AvailabilityZone=zone, **more)


def template_of(product: Product, server_id: str) -> str:
    """The launch template of a server."""
    found = product.emulator.client(HUB, WEST).get_launch_configuration(sourceServerID=server_id)
    return str(found["ec2LaunchTemplateID"])


def change_template(product: Product, server_id: str, data: Mapping[str, Any]) -> str:
    """Change members of the default version of the server's launch template; return the id of the template."""
    ec2, template_id = product.emulator.ec2_client(HUB, WEST), template_of(product, server_id)
    made = ec2.create_launch_template_version(
        LaunchTemplateId=template_id,
        SourceVersion="$Default",
        LaunchTemplateData=data,  # type: ignore[arg-type]
    )
    number = made["LaunchTemplateVersion"]["VersionNumber"]
    ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion=str(number))
    return template_id


def configure(product: Product, server_id: str, **members: Any) -> None:
    """Change the launch configuration of a server."""
    product.emulator.client(HUB, WEST).update_launch_configuration(sourceServerID=server_id, **members)


def choose_type(product: Product, server_id: str, instance_type: str) -> None:
    """Launch the server as this type."""
    configure(product, server_id, targetInstanceTypeRightSizingMethod="NONE")
    change_template(product, server_id, {"InstanceType": instance_type})


def move_to(product: Product, server_id: str, subnet_id: str, **interface: Any) -> str:
    """Launch the server into this subnet; return the id of its launch template."""
    first = {"DeviceIndex": 0, "SubnetId": subnet_id, **interface}
    return change_template(product, server_id, {"NetworkInterfaces": [first]})


def plan_of(product: Product, server_ids: Sequence[str], **more: Any) -> str:
    """A plan of one wave with one group of these servers; `more` are members of the group."""
    return product.plan({"name": "web", "groups": [product.group(server_ids, **more)]})


def play(product: Product, plan_id: str) -> dict[str, list[str]]:
    """Drill the plan; return the causes of the servers that were not launched, by id."""
    record = product.drill(plan_id)
    return {
        server["sourceServerId"]: [server["reason"] or ""]
        for server in record["sourceServers"]
        if server["status"] != "LAUNCHED"
    }


def look(product: Product, plan_id: str) -> tuple[dict[str, Any], dict[str, Finding]]:
    """A readiness run of the plan: its record, and its blocking findings by code. Two of one code are one too many."""
    record = product.finish(product.start(plan_id, "readiness"))
    blocking = [each for each in list_findings(record["executionId"]) if each.severity is Severity.BLOCKING]
    by_code = {each.code: each for each in blocking}
    assert len(by_code) == len(blocking), blocking
    assert not blocking or record["status"] == "NOT_READY"
    return record, by_code


def list_findings(execution_id: str) -> list[Finding]:
    """Everything that a readiness run has found."""
    return [finding for target in findings.list_findings(execution_id) for finding in target.findings]
