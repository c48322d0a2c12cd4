"""Readiness that is checked on a schedule: when a plan is due, and how an answer differs from the one before."""
