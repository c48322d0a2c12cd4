"""The operations of the service that are built, one function each. Importing this package registers them all."""

from drs_emulator.operations import (
    failback,
    jobs,
    launch_settings,
    plan_executions,
    recovery_instances,
    recovery_plans,
    replication,
    source_networks,
    source_servers,
    staging_accounts,
    tags,
)
from drs_emulator.operations.registry import BUILT, Call

__all__ = [
    "BUILT",
    "Call",
    "failback",
    "jobs",
    "launch_settings",
    "plan_executions",
    "recovery_instances",
    "recovery_plans",
    "replication",
    "source_networks",
    "source_servers",
    "staging_accounts",
    "tags",
]
