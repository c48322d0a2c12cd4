"""What jobs and executions of recovery plans do over simulated time. Importing this package registers every step."""

from drs_emulator.simulation import failback_steps, launch_steps, plan_execution, termination_steps

__all__ = ["failback_steps", "launch_steps", "plan_execution", "termination_steps"]
