"""The cache of recovery instances, and the sync that keeps it equal to DRS and EC2.

The API and the services read it through `recovery_instances`. The tasks of sync-cache write it through `sync` and
`sync_status`, and a clean-up marks the instances that it has terminated as gone. It owns the rows of the
`recovery-instances` table and the RECOVERY_INSTANCES rows of the `limits` table. A sync never blocks or fails a run,
and never terminates anything. Through `store.batches` it adds instances to the records of runs that launched them.
"""
