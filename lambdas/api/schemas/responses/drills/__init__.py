"""The answers about drills, compliance, evidence and history."""
