"""Thin clients of AWS services: DynamoDB, Step Functions, EventBridge Scheduler, SNS.

Rooms above call these services through the modules here only, and import at most botocore's errors. A module knows its
service, and which machines and topic are the product's, but no rule of the product. It turns throttles, server errors
and lost answers into `AwsUnavailable` and passes other errors on. It owns no rows. DRS and EC2 are in `recovery.drs`,
because every call to them needs a target's role and rate limit.
"""
