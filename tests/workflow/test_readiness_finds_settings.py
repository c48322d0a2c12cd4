"""Launches that fail for want of something in EC2 or IAM: first played by a drill, then found by readiness."""

from typing import Any

from recovery.domain.findings.finding import Finding
from recovery.store.launches import findings
from tests.support.product import HUB, WEST, Product

PLACE = {"accountId": HUB, "region": WEST}
ZONE_A, ZONE_B = f"{WEST}a", f"{WEST}b"


def add(product: Product, kind: str, **resource: Any) -> str:
    return str(product.emulator.control.add_ec2_resource({**PLACE, "kind": kind, "resource": resource}))


def set_template(product: Product, server_id: str, **data: Any) -> str:
    """Give the server's launch template a new default version with these data; return the id of the template."""
    ec2, template_id = product.emulator.client(HUB, WEST, "ec2"), template_of(product, server_id)
    made = ec2.create_launch_template_version(
        LaunchTemplateId=template_id, SourceVersion="$Default", LaunchTemplateData=data
    )
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion=number)
    return template_id


def template_of(product: Product, server_id: str) -> str:
    found = product.emulator.client(HUB, WEST).get_launch_configuration(sourceServerID=server_id)
    return str(found["ec2LaunchTemplateID"])


def found_in(execution_id: str) -> list[Finding]:
    return [each for target in findings.list_findings(execution_id) for each in target.findings]
