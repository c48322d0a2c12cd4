"""Checks the launched servers of a wave: whether each passes the checks of its plan in time.

`lifecycle` begins and ends the checks of a wave, and a look asks about the servers of a batch: once in each service at
most. Handlers in `tasks`, `runs` and routes in `api` call this room; it uses `target_services` and every room below
it. It never waits: between two looks, the state machine does. Its rows are those of `store.steps.checks`.
"""

from recovery.verification.lifecycle import end_checks, start_checks

__all__ = ["end_checks", "start_checks"]
