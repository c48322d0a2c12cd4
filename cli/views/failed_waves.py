"""What helps to answer a failed wave: its first failed servers with their causes, and what each answer does."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused
from cli.text import COMMAND
from cli.views.steps import describe_verification, name_unverified
from recovery.free_text import flatten
from recovery.wording import plural
from report.run_record import Record, has_failed_action

# Servers that are named.
MAX_SERVERS = 3

ReadServers = Callable[[str, str], Sequence[Mapping[str, Any]]]
"""The first failed servers of a wave, by the id of the run and the name of the wave. It may raise."""


class Help(NamedTuple):
    """The lines below the wait of a wave, the command that shows all of its servers, and what each answer does."""

    servers: list[str]
    see_all: str
    effects: Mapping[str, str]


class FailedWaves:
    """Reads the failed servers of the waves that ask, once for each time that a wave asks."""

    def __init__(self, read: ReadServers, options: str, read_unverified: ReadServers | None = None) -> None:
        """`read_unverified` reads the first servers of a wave that have not passed their checks."""
        self._read, self._options, self._read_unverified = read, options, read_unverified
        self._known: dict[tuple[str, str | None], Sequence[Mapping[str, Any]]] = {}

    def __call__(self, record: Record) -> Mapping[str, Help]:
        """The help for each wave that asks, by its name. An API that does not answer is asked again the next time."""
        waves = {wave["name"]: wave for wave in record["waves"]}
        asking = [wait for wait in record["waitingFor"] if wait["for"] == "DECISION" and wait["wave"] in waves]
        return {wait["wave"]: self._build(record, wait, waves[wait["wave"]]["servers"]) for wait in asking}

    def _build(self, record: Record, wait: Record, counts: Record) -> Help:
        run, wave = record["executionId"], wait["wave"]
        failed, unverified = counts["failed"], counts.get("unverified", 0)
        key = (wave, wait.get("since"))
        if key not in self._known:
            with contextlib.suppress(ApiRefused, ApiUnreachable):
                found = list(self._read(run, wave))
                found += self._read_unverified(run, wave) if unverified and self._read_unverified else ()
                self._known[key] = found
        shown = self._known.get(key, ())[:MAX_SERVERS]
        servers = [_describe(each) for each in shown]
        if servers and failed + unverified > len(servers):
            servers.insert(0, f"{_count(failed, unverified)}, among them:")
        see_all = f"{COMMAND} status {run} --servers --wave {wave}{self._options}"
        return Help(servers, see_all, _describe_effects(failed, unverified, has_failed_action(record, wave)))


def _count(failed: int, unverified: int) -> str:
    """`5 servers failed`, `2 servers have not passed their checks`, or both."""
    parts = [f"{plural(failed, 'server')} failed"] if failed else []
    return " and ".join([*parts, *([name_unverified(unverified)] if unverified else [])])


def read_first_unverified(api: ApiClient) -> ReadServers:
    """Read one short page of the API."""

    def read(execution_id: str, wave: str) -> Sequence[Mapping[str, Any]]:
        query = {"wave": wave, "verification": "UNVERIFIED", "limit": str(MAX_SERVERS)}
        found: Sequence[Mapping[str, Any]] = api.get(f"/executions/{execution_id}/servers", **query)["servers"]
        return found

    return read


def read_first_failed(api: ApiClient) -> ReadServers:
    """Read one short page of the API."""

    def read(execution_id: str, wave: str) -> Sequence[Mapping[str, Any]]:
        query = {"wave": wave, "status": "FAILED", "limit": str(MAX_SERVERS)}
        found: Sequence[Mapping[str, Any]] = api.get(f"/executions/{execution_id}/servers", **query)["servers"]
        return found

    return read


def _describe(server: Mapping[str, Any]) -> str:
    name = flatten(server["hostname"] or server["sourceServerId"])
    if (found := server.get("verification")) and server["status"] == "LAUNCHED":
        return f"{name}: {describe_verification(found)}"
    cause = f" [{server['cause']}]" if server.get("cause") else ""
    reason = server.get("reason") or "no reason is on record"
    return f"{name}: {flatten(reason)}{cause}"


def _describe_effects(failed: int, unverified: int, is_action_failed: bool) -> Mapping[str, str]:
    launches = [f"launches the {plural(failed, 'failed server')} again"] if failed else []
    checks = [f"checks the {plural(unverified, 'unverified server')} again"] if unverified else []
    actions = ["runs the failed actions again"] if is_action_failed else []
    return {
        **({"verify": f"{checks[0]}, and launches nothing"} if checks else {}),
        "retry": ", then ".join([*launches, *checks, *actions]) or "starts the wave again",
        "accept": "the wave is PARTIAL, and the waves after it start",
        "abort": "no further wave starts; what has been launched keeps running",
    }
