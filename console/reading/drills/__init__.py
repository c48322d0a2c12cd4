"""What the pages about drills show: compliance, schedules, verdicts, evidence and history."""
