"""Notices what takes longer than it should, and tells operators once.

`overdue` looks at a run when one of its jobs is polled, and at all open runs with each scheduled sync of the cache:
has the run, a wave or a job of it taken too long, and in which stage is the job? `outages` marks batches that DRS keeps
waiting, such as in a Region that does not answer. Both are called by tasks and by `launch`; neither ever fails the work
of its caller, and both write their marks through `store/progress`.
"""
