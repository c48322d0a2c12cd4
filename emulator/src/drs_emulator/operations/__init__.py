"""The operations that are built, one function each; importing this package registers them all.

A function has the name of its operation. It runs under the world's lock, gets validated input in a `Call`, and
returns the response's members or raises a ServiceError. It never waits: what takes time is for `simulation`.
"""

from drs_emulator.operations import (
    accounts,
    ec2,
    ec2_instances,
    failback,
    jobs,
    launch_settings,
    load_balancing,
    plan_executions,
    recovery_instances,
    recovery_plans,
    replication,
    source_networks,
    source_servers,
    staging_accounts,
    systems_manager,
    tags,
)
from drs_emulator.operations.registry import BUILT, BUILT_BY_SERVICE, Call

__all__ = [
    "BUILT",
    "BUILT_BY_SERVICE",
    "Call",
    "accounts",
    "ec2",
    "ec2_instances",
    "failback",
    "jobs",
    "launch_settings",
    "load_balancing",
    "plan_executions",
    "recovery_instances",
    "recovery_plans",
    "replication",
    "source_networks",
    "source_servers",
    "staging_accounts",
    "systems_manager",
    "tags",
]
