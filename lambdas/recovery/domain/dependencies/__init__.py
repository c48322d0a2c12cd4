"""Dependencies between the waves of a plan."""
