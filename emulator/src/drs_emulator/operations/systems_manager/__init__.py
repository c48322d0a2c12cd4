"""The operations of Systems Manager that are built: Run Command, Automation, documents and managed instances."""

from drs_emulator.operations.systems_manager import automations, commands, documents, managed_instances

__all__ = ["automations", "commands", "documents", "managed_instances"]
