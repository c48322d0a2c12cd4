"""What operators maintain: target accounts, protection groups and recovery plans.

The API writes here; services and the DRS room read. It owns the rows of the `target-accounts`, `protection-groups` and
`recovery-plans` tables, except for a plan's lock (`activeExecutionId`), which `store.executions` sets and releases.
Every update, and every delete that gives a version, is refused when the row has another version, so no change is lost.
`targets` lists every target that accounts and groups name.
"""
