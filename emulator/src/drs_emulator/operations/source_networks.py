"""The source networks that source servers were seeded with. The rest of network recovery is not built."""

from typing import Any

from drs_emulator.ids import digest
from drs_emulator.operations.pagination import paginate
from drs_emulator.operations.registry import Call, operation


@operation("DescribeSourceNetworks")
def describe_source_networks(call: Call) -> dict[str, Any]:
    """In order of id. An absent or empty filter matches everything."""
    ids = set(call.filters.get("sourceNetworkIDs") or ())
    known = {server.source_network for server in call.target.servers.values()} - {""}

    def to_api(network_id: str) -> dict[str, Any]:
        return {
            "sourceNetworkID": network_id,
            "sourceVpcID": f"vpc-{digest(network_id)[:17]}",
            "arn": call.target.key.arn("source-network", network_id),
            "replicationStatus": "PROTECTED",
        }

    return paginate(call, sorted(known & ids if ids else known), lambda network_id: network_id, to_api)
