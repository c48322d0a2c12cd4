"""The commands about drills: schedule, compliance, verdict, drill-findings, evidence and history."""
