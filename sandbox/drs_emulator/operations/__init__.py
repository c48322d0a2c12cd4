"""The operations of the service that are built, one function each; importing this package registers them all."""

from sandbox.drs_emulator.operations import instances, jobs, servers, tags
from sandbox.drs_emulator.operations.registry import BUILT, Call

__all__ = ["BUILT", "Call", "instances", "jobs", "servers", "tags"]
