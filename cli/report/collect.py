"""Collect the facts of a report from the API and Step Functions, and write the report."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import checkout
from cli.api_client import ApiClient, ApiUnreachable
from cli.connection import Connection
from cli.refusal import ApiRefused
from cli.report.document import Facts, build_document
from cli.report.files import CSV_FILE, HTML_FILE, JSON_FILE, digest, write_csv, write_json
from cli.report.page import render_html
from cli.run_client import list_servers, walk_servers
from recovery.free_text import flatten


def collect_facts(
    api: ApiClient,
    record: Mapping[str, Any],
    costs: Mapping[str, Any] | None = None,
    speed: float | None = None,
    *,
    is_sandbox: bool = False,
    progress: Callable[[str], None] = lambda words: None,
) -> Facts:
    """Read what belongs to the record; `progress` hears what is read. Raise ApiRefused, ApiUnreachable."""
    execution_id = record["executionId"]
    servers = _list_all(walk_servers(api, execution_id), record["servers"]["total"], progress)
    progress("reading events, networks and launch settings")
    isolation, looks = _read_isolation(api, execution_id)
    return Facts(
        record=record,
        servers=servers,
        actions=_list_actions(api, record),
        events=list(api.list_items(f"/executions/{execution_id}/events", "events")),
        instances=_list_instances(api, execution_id),
        plan=_read_plan(api, execution_id),
        groups=_list_groups(api, execution_id),
        settings=_list_settings(api, execution_id),
        isolation=isolation,
        looks=looks,
        cleanup=read_cleanup(api, record),
        costs=costs or {},
        versions=_read_versions(api),
        speed=speed,
        earlier=_list_servers_of_chain(api, record),
        # Only emulators answer without TLS, also where --api-url names them.
        is_sandbox=is_sandbox or not api.url.startswith("https://"),
    )


def _list_all(servers: Iterable[dict[str, Any]], total: int, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()
    for server in servers:
        if len(found) % 1_000 == 0:
            progress(f"{len(found):,} of {total:,} servers are read")
        found.append(server)
    return found


def collect_measures(api: ApiClient, record: Mapping[str, Any]) -> Facts:
    """Only what the recovery time and the age of the data follow from. Raise ApiRefused, ApiUnreachable."""
    execution_id = record["executionId"]
    servers = list_servers(api, execution_id)
    is_known = all(server.get("dataAt") for server in servers if server["status"] == "LAUNCHED")
    return Facts(
        record=record,
        servers=servers,
        instances=() if is_known else _list_instances(api, execution_id),
        earlier=_list_servers_of_chain(api, record),
    )


def _list_actions(api: ApiClient, record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The actions of the run with their output; without it, as the record has them, if the API does not answer."""
    if not record.get("actions"):
        return []
    try:
        return list(api.get(f"/executions/{record['executionId']}/actions")["actions"])
    except (ApiRefused, ApiUnreachable):
        return list(record["actions"])


def _list_servers_of_chain(api: ApiClient, record: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The servers of the other runs of the chain, oldest run first; None if the API does not answer."""
    runs = (record.get("chain") or {}).get("executions", ())
    others = [run["executionId"] for run in runs if run["executionId"] != record["executionId"]]
    try:
        return [server for execution_id in others for server in list_servers(api, execution_id)]
    except (ApiRefused, ApiUnreachable):
        return None


def _list_instances(api: ApiClient, execution_id: str) -> list[dict[str, Any]] | None:
    """The run's recovery instances in the cache; None if the cache does not answer."""
    try:
        return list(api.list_items("/recovery-instances", "recoveryInstances", executionId=execution_id, limit="1000"))
    except (ApiRefused, ApiUnreachable):
        return None


def _read_versions(api: ApiClient) -> dict[str, str]:
    try:
        health = api.get("/health")
    except (ApiRefused, ApiUnreachable):
        return {}
    return {"deployment": str(health["version"])}


def _read_plan(api: ApiClient, execution_id: str) -> dict[str, Any] | None:
    """The plan as the run used it; None if the API does not answer, or is too old to know it."""
    try:
        plan: dict[str, Any] = api.get(f"/executions/{execution_id}/recovery-plan")
    except (ApiRefused, ApiUnreachable):
        return None
    return plan


def _list_groups(api: ApiClient, execution_id: str) -> list[dict[str, Any]]:
    """The protection groups as the run used them; none if the API does not answer, or is too old to know them."""
    try:
        return list(api.list_items(f"/executions/{execution_id}/protection-groups", "protectionGroups"))
    except (ApiRefused, ApiUnreachable):
        return []


def _list_settings(api: ApiClient, execution_id: str) -> list[dict[str, Any]] | None:
    """The launch settings of the servers with a launch profile; None if the API does not answer, or is too old."""
    path = f"/executions/{execution_id}/launch-settings"
    try:
        return list(api.list_items(path, "launchSettings", limit="1000"))
    except (ApiRefused, ApiUnreachable):
        return None


def _read_isolation(api: ApiClient, execution_id: str) -> tuple[list[dict[str, Any]] | None, list[dict[str, Any]]]:
    """How far the places that the run launches into are isolated, by the inspection and by the looks before starts.

    The first is None if the API does not answer, or is too old.
    """
    try:
        found = api.get(f"/executions/{execution_id}/findings")
    except (ApiRefused, ApiUnreachable):
        return None, []
    return list(found["isolation"]), list(found.get("looks", ()))


def read_cleanup(api: ApiClient, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The clean-up of a drill; None for other runs, and if the API does not answer."""
    if record["mode"] != "DRILL":
        return None
    try:
        cleanup: dict[str, Any] = api.get(f"/executions/{record['executionId']}/cleanup")
    except (ApiRefused, ApiUnreachable):
        return None
    return cleanup


@dataclass(frozen=True, slots=True)
class Texts:
    """The contents of the files of a report, and the document that they are made from."""

    document: Mapping[str, Any]
    html: str
    json: str
    csv: str

    @property
    def json_sha256(self) -> str:
        """The digest of the JSON, which the page shows."""
        return digest(self.json)


def make_texts(facts: Facts) -> Texts:
    """The page, its JSON and the table of servers."""
    document = build_document(facts)
    return Texts(document, render_html(document), write_json(document), write_csv(document))


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a report. `json_sha256` is the digest of its JSON, which the page shows."""

    html: Path
    json: Path
    csv: Path
    json_sha256: str


def write_report(facts: Facts, folder: Path) -> Written:
    """Write the page, its JSON and the table of servers into the folder."""
    texts = make_texts(facts)
    written = Written(folder / HTML_FILE, folder / JSON_FILE, folder / CSV_FILE, texts.json_sha256)
    write_file(texts.json, written.json)
    write_file(texts.csv, written.csv)
    write_file(texts.html, written.html)
    return written


def write_file(text: str, path: Path) -> None:
    """Write the whole file or, after an error, nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)


# --- Step Functions ---------------------------------------------------------------------------------------------
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
