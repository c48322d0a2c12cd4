"""Simulates Systems Manager over time: instances that boot, commands on them, and automations.

Every function here runs under the world's lock. Importing this package registers the steps.
"""

from drs_emulator.simulation.systems_manager import automation_run, command_run

__all__ = ["automation_run", "command_run"]
