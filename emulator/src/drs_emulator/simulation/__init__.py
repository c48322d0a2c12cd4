"""Simulates jobs, executions of recovery plans, commands and automations over time.

`start_job` checks the quotas and puts all steps of a job on the timeline; `run_due_events` runs those that are due.
A step changes records, writes the job's log and calls EC2; it never waits. Every function here runs under the
world's lock. Importing this package registers the steps.
"""

from drs_emulator.simulation import (
    failback_steps,
    launch_actions,
    launch_steps,
    plan_execution,
    reservations,
    systems_manager,
    termination_steps,
)

__all__ = [
    "failback_steps",
    "launch_actions",
    "launch_steps",
    "plan_execution",
    "reservations",
    "systems_manager",
    "termination_steps",
]
