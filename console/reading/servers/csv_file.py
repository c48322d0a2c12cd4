"""The servers of a run as a CSV file, with the columns of the report's `servers.csv` that are known of them."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from report.files import format_cell

# Those of `report.files` come first, by the same names; the last four are the console's own.
CSV_COLUMNS = (
    "wave",
    "group",
    "name",
    "id",
    "account",
    "region",
    "status",
    "reason",
    "instance",
    "snapshotTime",
    "launchTime",
    "verification",
    "check",
    "checkOutput",
    "verifiedTime",
    "cause",
    "advice",
    "job",
    "warnings",
)


def write_csv(servers: Iterable[Mapping[str, Any]], group_names: Mapping[str, str]) -> str:
    """A header, and a row for each server of the API. No cell is a formula to a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    writer.writerows([format_cell(value) for value in _row(server, group_names)] for server in servers)
    return text.getvalue()


def _row(server: Mapping[str, Any], group_names: Mapping[str, str]) -> Iterator[Any]:
    yield server["wave"]
    yield "; ".join(group_names.get(group_id, group_id) for group_id in server["groups"])
    yield from (server[name] for name in ("hostname", "sourceServerId", "accountId", "region", "status", "reason"))
    yield server["recoveryInstanceId"]
    yield server["dataAt"] or server["snapshotAt"]
    yield server["endedAt"] if server["status"] == "LAUNCHED" else None
    checked = server["verification"] or {}
    yield from (checked.get(name) for name in ("status", "check", "output"))
    yield checked.get("at") if checked.get("status") == "VERIFIED" else None
    yield from (server[name] for name in ("cause", "advice", "jobId"))
    yield "; ".join(server["warnings"])
