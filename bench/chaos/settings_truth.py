"""What is left of the runs of a round: launch settings, rows of changes, and capacity reservations."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.chaos.profiles import Place, Profiles, read_settings
from sandbox.stack import Sandbox

Row = Mapping[str, Any]

# Real seconds in which what runs have changed is put back: jobs of aborted runs end first, and then a sweep comes.
RESTORE_SECONDS = 120.0
EXECUTION_TAG = "drs-waves:execution"


@dataclass(frozen=True, slots=True)
class SettingsTruth:
    """Settings by server, before any run and now; the default versions that a person has set; rows of the table
    `target-changes`; and the reservations that hold capacity for a run, by their id.
    """

    before: Mapping[str, Row] = field(default_factory=dict)
    now: Mapping[str, Row] = field(default_factory=dict)
    by_hand: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    reservations: Mapping[str, str] = field(default_factory=dict)

    @property
    def left(self) -> frozenset[str]:
        """The servers whose settings stay as a person has changed them."""
        return frozenset(row["sourceServerId"] for row in self.rows if row.get("status") == "LEFT")


def read_settings_truth(sandbox: Sandbox, targets: Iterable[Place], profiles: Profiles) -> SettingsTruth:
    """Wait until nothing is left that can be put back, at most RESTORE_SECONDS, and read what is there then."""
    targets = tuple(targets)
    deadline = time.monotonic() + RESTORE_SECONDS
    while True:
        rows, reservations = _read_rows(sandbox), _read_reservations(sandbox, targets)
        waiting = [row for row in rows if row.get("status") != "LEFT"]
        if not (waiting or reservations) or time.monotonic() > deadline:
            break
        time.sleep(1)
    now = {server_id: read_settings(sandbox, place, server_id) for server_id, place in profiles.places.items()}
    return SettingsTruth(dict(profiles.before), now, dict(profiles.by_hand), tuple(rows), reservations)


def _read_rows(sandbox: Sandbox) -> list[Row]:
    """The rows that say what has to be put back; the table has others."""
    pages = (
        sandbox.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=sandbox.resources["TargetChanges"], ConsistentRead=True)
    )
    names = ("target", "item", "status", "reason", "sourceServerId", "executionId")
    return [
        {name: row[name]["S"] for name in names if "S" in row.get(name, {})}
        for page in pages
        for row in page["Items"]
        if row["item"]["S"].startswith(("SERVER#", "RESERVATION#"))
    ]


def _read_reservations(sandbox: Sandbox, targets: Iterable[Place]) -> dict[str, str]:
    """The run that each active reservation is for."""
    found = dict[str, str]()
    for account, region in targets:
        ec2 = sandbox.client("ec2", account=account, region=region)
        for each in ec2.describe_capacity_reservations()["CapacityReservations"]:
            tags = {tag["Key"]: tag["Value"] for tag in each.get("Tags", ())}
            if each["State"] in ("active", "pending") and EXECUTION_TAG in tags:
                found[each["CapacityReservationId"]] = tags[EXECUTION_TAG]
    return found
