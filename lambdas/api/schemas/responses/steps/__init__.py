"""What the API shows of the checks and actions of a run."""
