"""The commands about drills: schedule, compliance, verdict, evidence and history."""
