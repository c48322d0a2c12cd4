"""Recovery instances."""

from typing import Any

from sandbox.drs_emulator.instances import RecoveryInstance
from sandbox.drs_emulator.operations.paging import page
from sandbox.drs_emulator.operations.registry import Call, operation


@operation("DescribeRecoveryInstances")
def describe_recovery_instances(call: Call) -> dict[str, Any]:
    """By id. A filter that is absent or empty lets everything pass."""
    ids = set(call.filters.get("recoveryInstanceIDs") or ())
    servers = set(call.filters.get("sourceServerIDs") or ())

    def wanted(instance: RecoveryInstance) -> bool:
        return (not ids or instance.id in ids) and (not servers or instance.server_id in servers)

    found = sorted(filter(wanted, call.target.instances.values()), key=lambda instance: instance.id)
    return page(call, found, lambda instance: instance.id, lambda instance: instance.to_api(call.now))
