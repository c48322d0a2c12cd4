"""Count the states that a run has entered, from the histories of Step Functions."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli import checkout
from cli.api_client import ApiUnreachable
from cli.connection import Connection
from recovery.free_text import flatten


def count_transitions(connection: Connection, record: Mapping[str, Any]) -> int:
    """How many states the run's executions entered, which is what Step Functions bills, apart from retries.

    This reads every history, with a call for each thousand events. Raise ApiUnreachable if that fails.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    arn = str(record["executionArn"])
    try:
        client = _step_functions(connection, arn.split(":")[3])
        return sum(
            _count_entered_states(client, each) for each in (arn, *_children(client, arn, record["executionId"]))
        )
    except (BotoCoreError, ClientError) as error:
        raise ApiUnreachable(f"the histories of Step Functions cannot be read: {flatten(error)}") from error


def _step_functions(connection: Connection, region: str) -> Any:
    import boto3
    from botocore.config import Config

    if connection.sandbox:
        sandbox = checkout.read_sandbox()
        keys = (sandbox["account"], sandbox["secret"], sandbox["sessionToken"])
        session = boto3.Session(*keys, region_name=sandbox["region"])
        return session.client("stepfunctions", endpoint_url=sandbox["engineUrl"], config=Config(proxies={}))
    return boto3.Session(profile_name=connection.profile, region_name=region).client("stepfunctions")


def _children(client: Any, arn: str, execution_id: str) -> Iterator[str]:
    """The executions of recover-target that the run started. Their names begin with its id."""
    started_at = client.describe_execution(executionArn=arn)["startDate"]
    machine = arn.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0].removesuffix("recover-plan")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=f"{machine}recover-target")
    for page in pages:  # newest first
        for execution in page["executions"]:
            if execution["name"].split("_")[0] == execution_id:
                yield execution["executionArn"]
        if page["executions"] and page["executions"][-1]["startDate"] < started_at:
            return


def _count_entered_states(client: Any, arn: str) -> int:
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, maxResults=1000)
    return sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])
