"""The operations of the service that are built, one function each; importing this package registers them all."""

from drs_emulator.operations import (
    executions,
    failback,
    instances,
    jobs,
    launch,
    networks,
    plans,
    replication,
    servers,
    staging,
    tags,
)
from drs_emulator.operations.registry import BUILT, Call

__all__ = [
    "BUILT",
    "Call",
    "executions",
    "failback",
    "instances",
    "jobs",
    "launch",
    "networks",
    "plans",
    "replication",
    "servers",
    "staging",
    "tags",
]
