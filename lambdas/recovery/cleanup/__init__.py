"""Cleans up after a drill: finds its instances and terminates them, at once or on a schedule.

Handlers in `tasks` and routes in `api` call this room. It refuses any run that is not an ended drill. Its rows
(CLEANUP, FOUND#, CLEANUP#) belong to `store.cleanups`. It never starts a launch and never changes the record of the run
itself.
"""
