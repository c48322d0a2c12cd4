"""Thin clients of AWS services: DynamoDB, Step Functions, EventBridge Scheduler, SNS.

Rooms above use these modules instead of boto3. A module here knows the service, not the product: it turns throttles,
server errors and lost answers into `AwsUnavailable` and passes other errors on. It never decides anything about a run
and owns no rows. DRS and EC2 are in `recovery.drs`, because every call to them needs a target's role and rate limit.
"""
