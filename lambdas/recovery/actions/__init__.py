"""Runs the actions before and after waves and plans, each once.

Handlers in `tasks`, `runs` and routes in `api` call this room; it uses `target_services` and every room below it. It
records the intent before it starts anything, and looks for what an earlier call has started before it starts it again.
It never waits: the state machine does, and a task token ends the wait for a person. `outcomes` says what became of the
actions at a place. Its rows are those of `store.steps.actions`.
"""
