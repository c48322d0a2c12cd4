"""Starts, inspects, launches and ends runs, takes the decisions of operators, and closes abandoned runs.

Handlers in `tasks` and routes in `api` call this room; it uses every room below it. It never writes a table itself:
rows belong to `store`. It never waits: a wait is a state of the machine, or a task token that `store.task_tokens`
saves. Each function may be called again after any crash, and finishes what the first call began.
"""
