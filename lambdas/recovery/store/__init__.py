"""The record of runs in the `executions` table, what they may do, and the rows of single runs in the `limits` table.

Services (`runs`, `cleanup`, `cache`) and the API read and write these rows through this room only. It owns META, WAVE#,
TARGET#, FLEET#, BATCH#, EXCLUDED#, TOKEN#, CLEANUP, FOUND# and CLEANUP# rows, the tables `run-requests` and
`inspections`, which few functions can write, and in the `limits` table REQUEST# and JOB_SECONDS# rows. `inspections`
creates BATCH# and EXCLUDED# rows, `batches` and `batch_servers` update BATCH# rows. Every write is idempotent or
conditional on the state it moves on from, so a late or repeated task never moves a record backwards. It never calls
DRS. The only rule that it applies is that two inspections of a run give one result, in which each server is in one
wave. The only service besides DynamoDB that it calls is Step Functions, to answer task tokens.
"""
