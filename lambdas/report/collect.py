"""Collect the facts of a report from the API, and make the texts of its files."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from report.assessment.describe import read_assessment
from report.document import Facts, build_document
from report.files import digest, write_csv, write_json
from report.page import render_html
from report.reader import NotRead, Reader


def collect_facts(
    api: Reader,
    record: Mapping[str, Any],
    costs: Mapping[str, Any] | None = None,
    speed: float | None = None,
    *,
    is_sandbox: bool = False,
    made_at: str | None = None,
    progress: Callable[[str], None] = lambda words: None,
) -> Facts:
    """Read what belongs to the record; `progress` hears what is read. Raise NotRead.

    `made_at` is when that is, by the clock of the deployment.
    """
    execution_id = record["executionId"]
    servers = _list_all(_walk_servers(api, execution_id), record["servers"]["total"], progress)
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
        assessment=read_assessment(api, record),
        cleanup=read_cleanup(api, record),
        costs=costs or {},
        versions=_read_versions(api),
        speed=speed,
        earlier=_list_servers_of_chain(api, record),
        is_sandbox=is_sandbox or api.is_emulated,
        made_at=made_at,
    )


def _walk_servers(api: Reader, execution_id: str) -> Iterator[dict[str, Any]]:
    return api.list_items(f"/executions/{execution_id}/servers", "servers", limit="1000")


def _list_all(servers: Iterable[dict[str, Any]], total: int, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()
    for server in servers:
        if len(found) % 1_000 == 0:
            progress(f"{len(found):,} of {total:,} servers are read")
        found.append(server)
    return found


def collect_measures(api: Reader, record: Mapping[str, Any]) -> Facts:
    """Only what the recovery time and the age of the data follow from. Raise NotRead."""
    execution_id = record["executionId"]
    servers = list(_walk_servers(api, execution_id))
    is_known = all(server.get("dataAt") for server in servers if server["status"] == "LAUNCHED")
    return Facts(
        record=record,
        servers=servers,
        instances=() if is_known else _list_instances(api, execution_id),
        earlier=_list_servers_of_chain(api, record),
    )


def _list_actions(api: Reader, record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The actions of the run with their output; without it, as the record has them, if the API does not answer."""
    if not record.get("actions"):
        return []
    try:
        return list(api.get(f"/executions/{record['executionId']}/actions")["actions"])
    except NotRead:
        return list(record["actions"])


def _list_servers_of_chain(api: Reader, record: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The servers of the other runs of the chain, oldest run first; None if the API does not answer."""
    runs = (record.get("chain") or {}).get("executions", ())
    others = [run["executionId"] for run in runs if run["executionId"] != record["executionId"]]
    try:
        return [server for execution_id in others for server in _walk_servers(api, execution_id)]
    except NotRead:
        return None


def _list_instances(api: Reader, execution_id: str) -> list[dict[str, Any]] | None:
    """The run's recovery instances in the cache; None if the cache does not answer."""
    try:
        return list(api.list_items("/recovery-instances", "recoveryInstances", executionId=execution_id, limit="1000"))
    except NotRead:
        return None


def _read_versions(api: Reader) -> dict[str, str]:
    try:
        health = api.get("/health")
    except NotRead:
        return {}
    return {"deployment": str(health["version"])}


def _read_plan(api: Reader, execution_id: str) -> dict[str, Any] | None:
    """The plan as the run used it; None if the API does not answer, or is too old to know it."""
    try:
        plan: dict[str, Any] = api.get(f"/executions/{execution_id}/recovery-plan")
    except NotRead:
        return None
    return plan


def _list_groups(api: Reader, execution_id: str) -> list[dict[str, Any]]:
    """The protection groups as the run used them; none if the API does not answer, or is too old to know them."""
    try:
        return list(api.list_items(f"/executions/{execution_id}/protection-groups", "protectionGroups"))
    except NotRead:
        return []


def _list_settings(api: Reader, execution_id: str) -> list[dict[str, Any]] | None:
    """The launch settings of the servers with a launch profile; None if the API does not answer, or is too old."""
    path = f"/executions/{execution_id}/launch-settings"
    try:
        return list(api.list_items(path, "launchSettings", limit="1000"))
    except NotRead:
        return None


def _read_isolation(api: Reader, execution_id: str) -> tuple[list[dict[str, Any]] | None, list[dict[str, Any]]]:
    """How far the places that the run launches into are isolated, by the inspection and by the looks before starts.

    The first is None if the API does not answer, or is too old.
    """
    try:
        found = api.get(f"/executions/{execution_id}/findings")
    except NotRead:
        return None, []
    return list(found["isolation"]), list(found.get("looks", ()))


def read_cleanup(api: Reader, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The clean-up of a drill; None for other runs, and if the API does not answer."""
    if record["mode"] != "DRILL":
        return None
    try:
        cleanup: dict[str, Any] = api.get(f"/executions/{record['executionId']}/cleanup")
    except NotRead:
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
