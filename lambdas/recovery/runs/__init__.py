"""The life of a run: start, inspection, waves, batches, decisions, and the end of an abandoned run.

Handlers in `tasks` and routes in `api` call this room; it uses every room below it. It never writes a table itself:
rows belong to `store`. It never waits: a wait is a state of the machine, or a task token that `store.task_tokens`
keeps. Each function may be called again after any crash and finishes what the first call began.
"""
