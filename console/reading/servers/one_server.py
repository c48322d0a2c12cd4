"""One server of a run: what the run knows of it, the age of its data, and what became of its launch settings."""

from collections.abc import Mapping
from typing import Any

from cli.api_client import ApiClient
from console.deployment import Deployment
from console.reading.servers.index import View
from console.reading.servers.rows import ServerRow, make_row
from report.plan.profiles import SETTINGS_WORDS
from report.run_record import Record
from report.targets import find_moment, measure_data

# Seconds for which launch settings are taken as they were. They are put back also after the end of a run.
MAX_AGE = 20.0
# The longest text that the API searches for.
MAX_SEARCH = 100


def find_row(api: ApiClient, record: Record, view: View, server_id: str) -> ServerRow | None:
    """The row of a server. While the servers are still being read, the API is asked for this one.

    Raise ApiRefused, ApiUnreachable, CredentialsExpired.
    """
    known = next((row for row in view.rows if row.server_id == server_id), None)
    if known is not None or view.is_complete:
        return known
    path, order = f"/executions/{record['executionId']}/servers", {wave["name"]: 0 for wave in record["waves"]}
    found = api.list_items(path, "servers", limit="1000", text=server_id[:MAX_SEARCH])
    return next((make_row(server, order) for server in found if server["sourceServerId"] == server_id), None)


def describe_server(row: ServerRow, record: Record, group_names: Mapping[str, str]) -> dict[str, Any]:
    """The server of the API, with the names of its `groups` and, if its data is known, the age of that as `data`."""
    server = row.read_facts()
    data_at = server["dataAt"] or server["snapshotAt"]
    target, is_past = record.get("rpoTargetMinutes"), bool(record.get("pointInTime"))
    data = measure_data(server, data_at, find_moment(record), target, is_past=is_past) if data_at else None
    return {**server, "groups": [group_names.get(each, each) for each in server["groups"]], "data": data}


def read_details(deployment: Deployment, record: Record, server: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What became of the server's launch settings, with `words` for it; None without a launch profile.

    Raise ApiRefused, ApiUnreachable, CredentialsExpired.
    """
    run_id, server_id = record["executionId"], server["sourceServerId"]
    if server["status"] == "PENDING" or record["mode"] == "READINESS":
        return None

    def read(api: ApiClient) -> dict[str, Any] | None:
        settings = api.list_items(f"/executions/{run_id}/launch-settings", "launchSettings", limit="1000")
        of_server = (each for each in settings if each["sourceServerId"] == server_id)
        return next((each for each in of_server if each["wave"] == server["wave"]), None)

    found = deployment.snapshot(f"launch settings {run_id} {server_id}", read, MAX_AGE).value
    return None if found is None else {**found, "words": SETTINGS_WORDS.get(found["state"], found["state"])}
