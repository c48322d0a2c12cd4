"""What readiness runs found: the findings of a run, and the last answer of a plan."""
