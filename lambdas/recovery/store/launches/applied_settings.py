"""The SETTINGS# rows of the inspections table: how far the launch profiles of a batch are applied for an attempt.

A start relies on them: it launches a server that has a profile only if its settings were applied for this attempt, and
only while the default version of its launch template is the one that was found or made then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain.batch import BatchRef
from recovery.domain.target import Target
from recovery.packing import pack, unpack
from recovery.store import inspections

PREFIX = "SETTINGS#"


@dataclass(frozen=True, slots=True)
class AppliedServer:
    """A server whose settings are as its profile wants them since `at` (epoch seconds), or why it is `refused`.

    `version` is the default version of its launch template. If it `is_changed`, a run has changed its settings, and the
    row of the change says what they were before. `subnet_ids` and `security_groups` are where it will be launched;
    there are no subnets if its settings do not say so. `private_ip` is its address; None if EC2
    chooses it.
    """

    at: float
    template_id: str | None = None
    version: int | None = None
    is_changed: bool = False
    subnet_ids: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    refused: str | None = None
    private_ip: str | None = None

    def to_json(self) -> list[Any]:
        """The server as the row has it."""
        place = [list(self.subnet_ids), list(self.security_groups)]
        return [int(self.at), self.template_id, self.version, self.is_changed, *place, self.refused, self.private_ip]

    @classmethod
    def from_json(cls, packed: Any) -> "AppliedServer":
        """The inverse."""
        # A row of a run that began with an earlier version has no address at its end.
        at, template_id, version, is_changed, subnet_ids, security_groups, refused, *rest = packed
        return cls(at, template_id, version, is_changed, tuple(subnet_ids), tuple(security_groups), refused, *rest)


@dataclass(frozen=True, slots=True)
class AppliedSettings:
    """The servers of a batch that were seen to for this attempt, by id; `began_at` is in epoch seconds.

    `failed_launches` counts for each server its launches that failed for want of capacity, with the job of the last
    one, so that no failure counts twice.
    """

    ref: BatchRef
    attempt: int
    began_at: float
    servers: Mapping[str, AppliedServer] = field(default_factory=dict)
    failed_launches: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def count_failed(self, server_id: str) -> int:
        """How many launches of the server have failed for want of capacity."""
        return self.failed_launches.get(server_id, (0, ""))[0]


def _key(ref: BatchRef) -> dict[str, str]:
    return {"executionId": ref.execution_id, "item": f"{PREFIX}{ref.sort_key}"}


def get_applied(ref: BatchRef) -> AppliedSettings | None:
    """What was applied for the last attempt of the batch; None before the first."""
    row = dynamodb.get(inspections.table(), _key(ref))
    return None if row is None else _read(ref, row)


def list_applied(execution_id: str) -> list[AppliedSettings]:
    """What was applied for the last attempt of each batch of the run, in the order of waves and batches by name."""
    rows = dynamodb.query(inspections.table(), Partition("executionId", execution_id, ("item", PREFIX)))
    return [_read(_parse_key(execution_id, row["item"]), row) for row in rows]


def _parse_key(execution_id: str, item: str) -> BatchRef:
    """The inverse of `_key`; the name of a wave has letters, digits and hyphens."""
    _, _, wave, target, number = item.split("#")
    account_id, _, region = target.partition("/")
    return BatchRef(execution_id, wave, Target(account_id, region), int(number))


def _read(ref: BatchRef, row: Mapping[str, Any]) -> AppliedSettings:
    packed = unpack(row["packed"])
    return AppliedSettings(
        ref,
        int(row["attempt"]),
        float(row["beganAt"]),
        {server_id: AppliedServer.from_json(each) for server_id, each in packed["servers"].items()},
        {server_id: (count, job_id) for server_id, (count, job_id) in packed["failedLaunches"].items()},
    )


def record_applied(applied: AppliedSettings) -> bool:
    """Write the row, over that of an earlier attempt; False if it is of a later one."""
    packed = {
        "servers": {server_id: each.to_json() for server_id, each in applied.servers.items()},
        "failedLaunches": {server_id: list(each) for server_id, each in applied.failed_launches.items()},
    }
    row = {**_key(applied.ref), "attempt": applied.attempt, "beganAt": int(applied.began_at), "packed": pack(packed)}
    condition = "attribute_not_exists(#executionId) OR #attempt <= :attempt"
    return dynamodb.put_if(inspections.table(), row, condition, {"attempt": applied.attempt})
