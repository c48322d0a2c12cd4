"""Why a wave asks: its first failed servers with reason and advice, and its failed actions."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused
from cli.views.steps import describe_verification
from recovery.free_text import flatten
from recovery.wording import plural
from report.run_record import Record, has_failed_action

# Servers that a dialog names.
MAX_SERVERS = 5


def read_failed_servers(api: ApiClient, run_id: str, wave: str) -> list[dict[str, Any]]:
    """The first servers of the wave that failed, or else have not passed their checks.

    Raise ApiRefused, ApiUnreachable.
    """
    found: list[dict[str, Any]] = []
    for way in ({"status": "FAILED"}, {"verification": "UNVERIFIED"}):
        if len(found) < MAX_SERVERS:
            found += api.get(f"/executions/{run_id}/servers", wave=wave, limit=str(MAX_SERVERS), **way)["servers"]
    return found[:MAX_SERVERS]


def list_failed_actions(record: Record, wave: str) -> list[Mapping[str, Any]]:
    """The actions of this wave that failed, as the record has them."""
    return [each for each in record.get("actions", ()) if has_failed_action({"actions": [each]}, wave)]


def describe_causes(record: Record, wave: str, servers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each of these servers and for each failed action of the wave, with its reason and advice."""
    for each in servers:
        yield _describe_server(each)
    counts: Mapping[str, int] = next((each["servers"] for each in record.get("waves", ()) if each["name"] == wave), {})
    left = counts.get("failed", 0) + counts.get("unverified", 0) - len(servers)
    if servers and left > 0:
        yield f"and {plural(left, 'further server')}"
    for action in list_failed_actions(record, wave):
        reason = flatten(action.get("reason") or "no reason is on record")
        yield f"Action {flatten(action['name'])} failed: {reason}"


def read_causes(api: ApiClient, record: Record) -> dict[str, list[str]]:
    """The same of each wave of the run that asks, by its name, read as far as the API answers."""
    found = dict[str, list[str]]()
    for wait in record["waitingFor"]:
        if wait["for"] == "DECISION" and wait["wave"]:
            with contextlib.suppress(ApiRefused, ApiUnreachable):
                servers = read_failed_servers(api, record["executionId"], wait["wave"])
                found[wait["wave"]] = list(describe_causes(record, wait["wave"], servers))
    return found


def _describe_server(server: Mapping[str, Any]) -> str:
    name = flatten(server["hostname"] or server["sourceServerId"])
    if (found := server.get("verification")) and server["status"] == "LAUNCHED":
        return f"{name}: {describe_verification(found)}"
    cause = f" [{server['cause']}]" if server.get("cause") else ""
    advice = f". {flatten(server['advice'])}" if server.get("advice") else ""
    return f"{name}: {flatten(server.get('reason') or 'no reason is on record').rstrip('.')}{cause}{advice}"
