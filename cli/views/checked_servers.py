"""The names of servers that are at a check, or have not passed it, for the lines about checks."""

import contextlib
from collections.abc import Mapping, Sequence

from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused
from recovery.free_text import flatten
from recovery.wording import name_first
from report.run_record import Record

# Servers that a line names of each check.
MAX_SERVERS = 3
# Servers that are read of a wave, and waves of which they are read.
_MAX_READ, _MAX_WAVES = 200, 5

Names = Mapping[tuple[str, str, str], Sequence[str]]
"""Names of servers by wave, status (`checking` or `unverified`) and check. They need not be all."""

_STATUSES = {"checking": "VERIFYING", "unverified": "UNVERIFIED"}


def read_names(api: ApiClient, record: Record) -> Names:
    """Read a page of the API for each wave and status. An API that does not answer names none."""
    names: dict[tuple[str, str, str], list[str]] = {}
    busy = [wave for wave in record["waves"] if any((wave.get("checks") or {}).get(each) for each in _STATUSES)]
    with contextlib.suppress(ApiRefused, ApiUnreachable):
        for wave in busy[:_MAX_WAVES]:
            for count, status in _STATUSES.items():
                if wave["checks"][count]:
                    query = {"wave": wave["name"], "verification": status, "limit": str(_MAX_READ)}
                    for server in api.get(f"/executions/{record['executionId']}/servers", **query)["servers"]:
                        key = (wave["name"], count, server["verification"]["check"] or "")
                        names.setdefault(key, []).append(flatten(server["hostname"] or server["sourceServerId"]))
    return names


def format_names(names: Sequence[str], count: int) -> str:
    """` (app-01, app-02, app-03 and 16 more)` of so many servers; nothing if none is known."""
    unknown = [""] * (count - len(names))
    return f" ({name_first([*names, *unknown], min(MAX_SERVERS, len(names)))})" if names else ""
