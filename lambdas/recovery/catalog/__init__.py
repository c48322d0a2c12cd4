"""What people maintain: target accounts, protection groups and recovery plans.

The API writes here; services and the DRS room read. It owns the rows of the `target-accounts`, `protection-groups` and
`recovery-plans` tables, except for a plan's lock (`activeExecutionId`), which `store.executions` sets and releases.
Every write names the version it was made from, so concurrent changes are refused instead of lost.
"""
