"""Checks the launched servers of waves: whether each passes the checks of its wave in time."""

from recovery.verification.lifecycle import end_checks, start_checks

__all__ = ["end_checks", "start_checks"]
