"""Gathers what a report is made of from the API, and writes the report."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from scripts import report, runs
from scripts.client import SANDBOX_FILE, Api, ApiRefused, ApiUnreachable
from scripts.connection import Connection

HTML, JSON = "report.html", "report.json"


def facts(
    api: Api, record: Mapping[str, Any], costs: Mapping[str, Any] | None = None, speed: float | None = None
) -> report.Facts:
    """Read what belongs to the record. Raise ApiRefused, ApiUnreachable."""
    execution_id = record["executionId"]
    return report.Facts(
        record=record,
        servers=runs.servers(api, execution_id),
        events=list(api.items(f"/executions/{execution_id}/events", "events")),
        instances=_instances(api, execution_id),
        costs=costs or {},
        versions=_versions(api),
        speed=speed,
    )


def _instances(api: Api, execution_id: str) -> list[dict[str, Any]]:
    """What the cache of recovery instances has of the run; nothing where there is no cache, or it does not answer."""
    try:
        return list(api.items("/recovery-instances", "recoveryInstances", executionId=execution_id))
    except (ApiRefused, ApiUnreachable):
        return []


def _versions(api: Api) -> dict[str, str]:
    try:
        health = api.get("/health")
    except (ApiRefused, ApiUnreachable):
        return {}
    return {"drs-waves": str(health["version"]), "API": str(health["status"])}


def write(made_of: report.Facts, folder: Path) -> Path:
    """Write the page and its JSON; return where the page is."""
    document = report.document(made_of)
    report.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n", folder / JSON)
    report.write(report.to_html(document), folder / HTML)
    return folder / HTML


# --- Step Functions ---------------------------------------------------------------------------------------------
def transitions(connection: Connection, record: Mapping[str, Any]) -> int:
    """States that the run's executions entered, which is what Step Functions bills, retries aside.

    Reads every history, which takes a call for each thousand events. Raise ApiUnreachable when that cannot be done.
    """
    arn = str(record["executionArn"])
    try:
        client = _step_functions(connection, arn.split(":")[3])
        return sum(_entered(client, each) for each in (arn, *_children(client, arn, record["executionId"])))
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise ApiUnreachable(f"the histories of Step Functions cannot be read: {error}") from error


def _step_functions(connection: Connection, region: str) -> Any:
    if connection.sandbox:
        running = json.loads(SANDBOX_FILE.read_text())
        session = boto3.Session(running["account"], running["secret"], region_name=running["region"])
        quiet = botocore.config.Config(proxies={})
        return session.client("stepfunctions", endpoint_url=running["engineUrl"], config=quiet)
    return boto3.Session(profile_name=connection.profile, region_name=region).client("stepfunctions")


def _children(client: Any, arn: str, execution_id: str) -> Iterator[str]:
    """Executions of recover-target that the run started: their names begin with its id."""
    began = client.describe_execution(executionArn=arn)["startDate"]
    machine = arn.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0].removesuffix("recover-plan")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=f"{machine}recover-target")
    for page in pages:  # the newest first
        for execution in page["executions"]:
            if execution["name"].split(".")[0] == execution_id:
                yield execution["executionArn"]
        if page["executions"] and page["executions"][-1]["startDate"] < began:
            return


def _entered(client: Any, arn: str) -> int:
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, maxResults=1000)
    return sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])
