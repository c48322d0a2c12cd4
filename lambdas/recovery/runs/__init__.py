"""Starts, inspects, launches and ends runs, and records the decisions of operators.

Handlers in `tasks` and routes in `api` call this room; it uses every room below it. It never writes a table itself:
rows belong to `store`. It waits no longer than a rate limit requires: any other wait is a state of the machine, which a
task token ends (`store.task_tokens`). Each function may be called again after any crash, and finishes what the first
call began. `start` begins a run, `wave_lifecycle` and `approvals` take a wave from gate to gate, `launch` recovers a
batch, `settle` and `launch_results` record its result, `finish` ends a run, and `abandoned` ends one whose state
machine died.
"""
