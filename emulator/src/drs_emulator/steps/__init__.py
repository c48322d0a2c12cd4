"""What the steps of jobs and of recovery plans do; importing this package registers them all."""

from drs_emulator.steps import failback, launch, plans, terminate

__all__ = ["failback", "launch", "plans", "terminate"]
