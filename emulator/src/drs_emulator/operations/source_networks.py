"""Source networks: those that source servers were said to belong to. Nothing else of network recovery is built."""

from typing import Any

from drs_emulator.ids import digest
from drs_emulator.operations.pagination import page
from drs_emulator.operations.registry import Call, operation


@operation("DescribeSourceNetworks")
def describe_source_networks(call: Call) -> dict[str, Any]:
    """By id. A filter that is absent or empty lets everything pass."""
    ids = set(call.filters.get("sourceNetworkIDs") or ())
    known = {server.source_network for server in call.target.servers.values()} - {""}

    def show(network_id: str) -> dict[str, Any]:
        return {
            "sourceNetworkID": network_id,
            "sourceVpcID": f"vpc-{digest(network_id)[:17]}",
            "arn": call.target.key.arn("source-network", network_id),
            "replicationStatus": "PROTECTED",
        }

    return page(call, sorted(known & ids if ids else known), lambda network_id: network_id, show)
