"""A drill that must be isolated is refused if it is not, with the reason, and its record says why it was."""

from typing import Any

import pytest

from recovery.packing import unpack
from sandbox import networks
from tests.support.product import HUB, WEST, Product
from tests.support.profiled_runs import DRILL, launched, lay_networks, plan_of

REQUIRED = {**DRILL, "isolation": "required"}
ROUTE = f"route {networks.SOURCE_CIDR} of {networks.DRILL_ROUTES} goes to peering {networks.DRILL_PEERING}"
READS = (
    "DescribeVpcs", "DescribeRouteTables", "DescribeNetworkAcls", "DescribeSecurityGroups", "DescribeVpcEndpoints",
    "DescribeNetworkInterfaces", "DescribeVpcPeeringConnections",
)  # fmt: skip


@pytest.fixture(autouse=True)
def laid(product: Product) -> None:
    lay_networks(product)


def add(product: Product, kind: str, **resource: Any) -> None:
    product.emulator.control.add_ec2_resource(kind, HUB, WEST, resource)


def route(product: Product, *routes: dict[str, Any]) -> None:
    """Give the drill subnets these routes beside their own."""
    add(product, "RouteTable", **networks.build_drill_routes(WEST, *routes))


def isolation_of(product: Product, execution_id: str) -> list[dict[str, Any]]:
    """What the record of a run has of isolation."""
    rows = [row for row in product.items("Executions") if row["item"].startswith("FINDINGS#")]
    return [
        each for row in rows if row["executionId"] == execution_id for each in unpack(bytes(row["packed"]))["isolation"]
    ]


def start_with(product: Product, plan: str, **options: str) -> dict[str, Any]:
    reply = product.request("POST", f"/recovery-plans/{plan}/drills", options)
    return product.finish(reply.body["executionId"])


def events_of(product: Product, record: dict[str, Any]) -> dict[str, str]:
    found = product.request("GET", f"/executions/{record['executionId']}/events").body["events"]
    return {each["event"]: each["text"] for each in found}


# --- required -----------------------------------------------------------------------------------------------------
def test_a_drill_with_a_route_to_the_sources_is_refused_and_runs_when_the_route_is_gone(product: Product) -> None:
    plan = plan_of(product, product.seed(3), {"drill": REQUIRED})
    route(product, networks.build_route_to_sources())
    refused = product.drill(plan)
    assert refused["status"] == "NOT_READY", refused
    assert f"{ROUTE} ({networks.SOURCE_VPC}" in refused["reason"], refused["reason"]
    assert "StartRecovery" not in product.calls()
    assert "not isolated" in events_of(product, refused)["NETWORKS_NOT_ISOLATED"]

    route(product)
    record = product.drill(plan)
    assert record["status"] == "COMPLETED", record
    assert len(launched(product)) == 3
    (text,) = {text for event, text in events_of(product, record).items() if event == "NETWORKS_ISOLATED"}
    assert text.startswith(f"networks of {HUB}/{WEST} are isolated: ")
    assert f"all other routes of {networks.DRILL_ROUTES} are local" in text
    assert f"no other instances are in {networks.DRILL_VPC}" in text
