"""The vocabulary and the rules: plans, runs, batches, servers, and the verdicts on them.

Every room may import this one. It imports the standard library, `recovery.errors`, `clock`, `settings` and `job_tags`,
and nothing else. It is pure: it takes facts and returns values and verdicts, each verdict with
its reason. It never calls AWS, reads a table or writes a log. It owns no rows, but its classes define them:
`from_item` and `to_item` are defined beside the fields.
"""
