"""When plans are drilled, which drills count, and what people found: rules without calls."""
