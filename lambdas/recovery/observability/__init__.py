"""Metrics, messages to operators, and the logging of tasks.

Stores, services and handlers may call this room. It writes to standard output (embedded metric format), to the log
and to the operators' SNS topic. It never fails the work it reports on: a metric or message that cannot be sent is
logged and dropped. It owns no rows.
"""
