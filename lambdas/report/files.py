"""The files of a report beside its page: the document as JSON, and a table of its servers.

The page shows the SHA-256 of the JSON file, which has that of the table.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from recovery.free_text import escape_json, flatten

HTML_FILE, JSON_FILE, CSV_FILE = "report.html", "report.json", "servers.csv"
# What evidence has besides a report.
PLAN_FILE, MANIFEST_FILE, SIGNATURE_FILE = "plan.json", "manifest.json", "manifest.sig"

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
    "attempts",
    "snapshotTime",
    "launchTime",
    "verification",
    "check",
    "checkOutput",
    "verifiedTime",
    "launchProfile",
    "launchSettings",
    "subnets",
    "landing",
    "landedSubnet",
    "landedVpc",
    "landedGroups",
    "landedAddress",
    "landingDiffers",
)

# A spreadsheet takes a cell that begins like this for a formula (OWASP, "CSV Injection").
_BEGINS_FORMULA = ("=", "+", "-", "@")


def write_json(document: Mapping[str, Any]) -> str:
    """The text of the JSON file."""
    return escape_json(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


def write_csv(document: Mapping[str, Any]) -> str:
    """The table of servers, as RFC 4180 has it: a header, and a row for each server of the document."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    names = {group["groupId"]: group["name"] for group in document["groups"]}
    writer.writerows([format_cell(value) for value in _row(server, names)] for server in document["sourceServers"])
    return text.getvalue()


def _row(server: Mapping[str, Any], group_names: Mapping[str, str]) -> Iterator[Any]:
    yield server["wave"]
    yield "; ".join(group_names.get(group_id, group_id) for group_id in server.get("groups") or ())
    yield from (server[name] for name in ("hostname", "sourceServerId", "accountId", "region", "status", "reason"))
    yield server["recoveryInstanceId"]
    yield server["attempts"]
    yield server["snapshotAt"]
    yield server["endedAt"] if server["status"] == "LAUNCHED" else None
    checked = server.get("verification") or {}
    yield from (checked.get(name) for name in ("status", "check", "output"))
    yield checked.get("at") if checked.get("status") == "VERIFIED" else None
    settings = server.get("launchSettings") or {}
    yield from (settings.get(name) for name in ("profileOf", "state"))
    yield " ".join(settings.get("subnetIds") or ())
    landing = server["landing"] or {}
    yield from (landing.get(name) for name in ("state", "subnetId", "vpcId"))
    yield " ".join(landing.get("securityGroups") or ())
    yield landing.get("privateIp")
    yield "; ".join(landing.get("differences") or ())


def format_cell(value: object) -> str:
    """The value as one line that no spreadsheet takes for a formula: an apostrophe in front makes it a text."""
    text = "" if value is None else flatten(value)
    return f"'{text}" if text.startswith(_BEGINS_FORMULA) else text


def digest(text: str) -> str:
    """The SHA-256 of a file with this text."""
    return hashlib.sha256(text.encode()).hexdigest()
