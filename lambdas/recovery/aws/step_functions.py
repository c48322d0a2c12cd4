"""Step Functions: starting and describing executions, and answering task tokens."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from recovery.aws import clients
from recovery.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# Step Functions answers these for a token that was answered before, or whose execution has ended.
SPENT_TOKEN_CODES = ("TaskTimedOut", "InvalidToken", "TaskDoesNotExist")

# An execution in one of these states may still change something.
RUNNING_STATUSES = ("RUNNING", "PENDING_REDRIVE")


@lru_cache(maxsize=1)
def client() -> "SFNClient":
    """One client per process."""
    created: SFNClient = clients.create_client("stepfunctions")
    return created


def start(machine_arn: str, payload: Mapping[str, Any]) -> str:
    """Start an execution under a generated name and return the name. Raise AwsUnavailable, ClientError."""
    with clients.translate_transient_errors("StartExecution"):
        started = client().start_execution(stateMachineArn=machine_arn, input=json.dumps(payload))
    return started["executionArn"].rsplit(":", 1)[-1]


def start_once(machine_arn: str, name: str, payload: Mapping[str, Any]) -> bool:
    """Start an execution under this name; return False when an ended one, or one with another input, has the name.

    If one with the same input is running, nothing is started, and the answer is True as for a new one. Raise
    AwsUnavailable when Step Functions does not answer (the execution may have started), ClientError when it
    refuses the start.
    """
    try:
        with clients.translate_transient_errors("StartExecution"):
            client().start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(payload))
    except client().exceptions.ExecutionAlreadyExists:
        return False
    return True


def get_status(machine_arn: str, name: str) -> str | None:
    """The status of the execution of this name; None when there is none. Raise AwsUnavailable."""
    try:
        with clients.translate_transient_errors("DescribeExecution"):
            return client().describe_execution(executionArn=execution_arn(machine_arn, name))["status"]
    except client().exceptions.ExecutionDoesNotExist:
        return None


def execution_arn(machine_arn: str, name: str) -> str:
    """The ARN under which the console shows an execution."""
    return f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def send_task_success(token: str) -> None:
    """Answer a task token. Ignore one that was answered or has expired."""
    with clients.translate_transient_errors("SendTaskSuccess"):
        try:
            client().send_task_success(taskToken=token, output=json.dumps({"checkAgain": True}))
        except ClientError as error:
            if error.response["Error"]["Code"] not in SPENT_TOKEN_CODES:
                raise


def recover_plan_arn() -> str:
    """The machine that runs a plan. Raise KeyError when the function has no such setting."""
    return _require(settings().recover_plan_arn, "RECOVER_PLAN_ARN")


def clean_up_drill_arn() -> str:
    """The machine that cleans up after a drill. Raise KeyError when the function has no such setting."""
    return _require(settings().clean_up_drill_arn, "CLEAN_UP_DRILL_ARN")


def verify_target_arn() -> str:
    """The machine that checks the servers of a wave. Raise KeyError when the function has no such setting."""
    return _require(settings().verify_target_arn, "VERIFY_TARGET_ARN")


def sync_cache_arn() -> str:
    """The machine that syncs the cache. Raise KeyError when the function has no such setting."""
    return _require(settings().sync_cache_arn, "SYNC_CACHE_ARN")


def restore_target_arn() -> str:
    """The machine that puts launch settings back. Raise KeyError when the function has no such setting."""
    return _require(settings().restore_target_arn, "RESTORE_TARGET_ARN")


def keep_evidence_arn() -> str:
    """The machine that keeps the evidence of a run. Raise KeyError when the function has no such setting."""
    return _require(settings().keep_evidence_arn, "KEEP_EVIDENCE_ARN")


def _require(arn: str | None, variable: str) -> str:
    if not arn:
        raise KeyError(variable)
    return arn
