"""Ways to show a run that is in progress: a live table on a terminal, lines elsewhere, JSON lines for pipelines.

They show the record as the API returns it. All times are the record's own, which in the sandbox are simulated.
"""
