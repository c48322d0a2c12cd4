"""What tests of checks see of the servers of a run, and what they let DRS run on them."""

from typing import Any

from recovery.packing import unpack
from tests.support.product import HUB, WEST, Product


def rows_of_checks(product: Product, execution_id: str, wave: str) -> list[dict[str, Any]]:
    """The CHECKS rows of a wave, with their servers unpacked."""
    prefix = f"CHECKS#{wave}#"
    rows = [
        {**row, "servers": unpack(row["servers"].value)}
        for row in product.items("Executions")
        if row["executionId"] == execution_id and row["item"].startswith(prefix)
    ]
    return sorted(rows, key=lambda row: str(row["item"]))


def checks_of(product: Product, execution_id: str, wave: str) -> dict[str, dict[str, Any]]:
    """How far each server of a wave has climbed by the record, by its id."""
    return {
        server_id: entry
        for row in rows_of_checks(product, execution_id, wave)
        for server_id, entry in row["servers"].items()
    }


def statuses_of(product: Product, execution_id: str, wave: str) -> dict[str, str]:
    """The verification of each server of a wave, by its id."""
    return {server_id: entry["status"] for server_id, entry in checks_of(product, execution_id, wave).items()}


def wave_row(product: Product, execution_id: str, wave: str) -> dict[str, Any]:
    """The row of a wave."""
    rows = product.items("Executions")
    return next(row for row in rows if row["executionId"] == execution_id and row["item"] == f"WAVE#{wave}")


def add_launch_action(product: Product, server_id: str, name: str = "Install monitoring") -> None:
    """Switch on a post-launch action of a source server, as one does in the console of DRS."""
    drs = product.emulator.client(HUB, WEST)
    drs.update_launch_configuration(sourceServerID=server_id, postLaunchEnabled=True)
    drs.put_launch_action(
        resourceId=server_id,
        actionCode="AWS-RunShellScript",
        actionId="0a1b2c3d-0000-4000-8000-000000000001",
        actionVersion="1",
        active=True,
        category="OTHER",
        description=name,
        name=name,
        optional=True,
        order=1001,
        parameters={},
    )


def ssm_calls(product: Product) -> dict[str, int]:
    """Calls so far of Systems Manager, EC2 and load balancers, by operation."""
    names = (
        "DescribeInstanceStatus",
        "DescribeInstanceInformation",
        "SendCommand",
        "ListCommandInvocations",
        "DescribeTargetHealth",
        "DescribeRecoveryInstances",
    )
    return {name: count for name, count in product.calls().items() if name in names}
