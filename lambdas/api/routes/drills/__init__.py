"""Drill policies at work: schedules, compliance, verdicts, evidence and the history of the catalog."""
