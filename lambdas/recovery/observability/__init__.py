"""What operators and dashboards see: metrics, messages, and the log keys of a task.

Stores, services and handlers may call this room. It writes to standard output (embedded metric format), to the log
and to the operators' SNS topic. It never fails the work it reports on: a metric or message that cannot be sent is
logged and dropped. It owns no rows.
"""
