"""Pages and dialogs about drills: compliance, schedules, assessments, findings, evidence and histories."""
