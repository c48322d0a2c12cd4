"""The plan of a run, as the page of its report shows it."""
