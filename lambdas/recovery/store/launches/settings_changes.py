"""The SERVER# rows of the `target-changes` table: the launch settings of servers that a run has changed.

A server has one row at most, so two runs never change its settings at once. The row is written before the change and
removed when the settings are put back. It says what was there before, and which batch of which run has changed it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain.batch import BatchRef
from recovery.domain.target import Target
from recovery.settings import settings

PREFIX = "SERVER#"


class ChangeStatus(StrEnum):
    """CHANGING until the settings are as wanted, then CHANGED. LEFT: a person has changed them since, so they stay.

    RESTORING: a function puts the settings back since `restoring_since`, or was killed while it did.
    """

    CHANGING = "CHANGING"
    CHANGED = "CHANGED"
    LEFT = "LEFT"
    RESTORING = "RESTORING"


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What a batch has changed of a server's launch settings.

    `version_before` is the default version of the launch template before, `configuration_before` the members of the
    launch configuration that were changed, by their names in DRS, with their values before. `version` is the version
    that was made and is the default now, None while that is not known; `data_before` and `data` are the fingerprints of
    both versions. `revision` counts the writes of the row.
    """

    target: Target
    server_id: str
    owner: BatchRef
    status: ChangeStatus
    attempt: int = 0
    template_id: str | None = None
    version_before: int | None = None
    data_before: str | None = None
    configuration_before: Mapping[str, Any] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    data: str | None = None
    reason: str | None = None
    changed_at: str | None = None
    restoring_since: str | None = None
    revision: int = 0

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "SettingsChange":
        """Read a SERVER# row."""
        target = Target.from_state(row)
        return cls(
            target=target,
            server_id=row["sourceServerId"],
            owner=BatchRef(row["executionId"], row["wave"], target, int(row["batch"])),
            status=ChangeStatus(row["status"]),
            attempt=int(row.get("attempt", 0)),
            template_id=row.get("templateId"),
            version_before=_read_number(row, "versionBefore"),
            data_before=row.get("dataBefore"),
            configuration_before=row.get("configurationBefore", {}),
            configuration=row.get("configuration", {}),
            version=_read_number(row, "version"),
            data=row.get("data"),
            reason=row.get("reason"),
            changed_at=row.get("changedAt"),
            restoring_since=row.get("restoringSince"),
            revision=int(row.get("revision", 0)),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse; what is None or empty is not written."""
        item = {
            "target": self.target.key,
            "item": f"{PREFIX}{self.server_id}",
            **self.target.to_state(),
            "sourceServerId": self.server_id,
            "executionId": self.owner.execution_id,
            "wave": self.owner.wave,
            "batch": self.owner.number,
            "status": self.status.value,
            "attempt": self.attempt,
            "templateId": self.template_id,
            "versionBefore": self.version_before,
            "dataBefore": self.data_before,
            "configurationBefore": dict(self.configuration_before) or None,
            "configuration": dict(self.configuration) or None,
            "version": self.version,
            "data": self.data,
            "reason": self.reason,
            "changedAt": self.changed_at,
            "restoringSince": self.restoring_since,
            "revision": self.revision,
        }
        return {name: value for name, value in item.items() if value is not None}


def _read_number(row: Mapping[str, Any], name: str) -> int | None:
    return int(row[name]) if name in row else None


def table() -> str:
    """The name of the target-changes table."""
    return settings().target_changes_table


def _key(target: Target, server_id: str) -> dict[str, str]:
    return {"target": target.key, "item": f"{PREFIX}{server_id}"}


def list_changes(target: Target) -> list[SettingsChange]:
    """Every change in the target."""
    rows = dynamodb.query(table(), Partition("target", target.key, ("item", PREFIX)))
    return [SettingsChange.from_item(row) for row in rows]


def has_any(target: Target) -> bool:
    """Whether there is a change in the target."""
    first = dynamodb.query_once(table(), Partition("target", target.key, ("item", PREFIX)), limit=1, start=None)
    return bool(first["Items"])


def get_changes(target: Target, server_ids: Iterable[str]) -> dict[str, SettingsChange]:
    """The changes of these servers, by server. Read consistently."""
    name = table()  # read before the threads, which share no context
    rows = dynamodb.map_each(lambda server_id: dynamodb.get(name, _key(target, server_id)), sorted(server_ids))
    return {change.server_id: change for row in rows if row for change in [SettingsChange.from_item(row)]}


def write(change: SettingsChange, before: SettingsChange | None) -> SettingsChange | None:
    """Write the row in place of `before`, or a new one; return it as written. None if another writer was first."""
    revision = before.revision if before else 0
    written = replace(change, revision=revision + 1, changed_at=change.changed_at or clock.iso())
    condition, given = "attribute_not_exists(#target)", {}
    if before:
        condition, given = "#revision = :before", {"before": revision}
    return written if dynamodb.put_if(table(), written.to_item(), condition, given) else None


def remove(change: SettingsChange) -> bool:
    """Remove the row; False if it has changed since it was read. A row that is gone already counts as removed."""
    try:
        dynamodb.delete(
            table(),
            _key(change.target, change.server_id),
            "attribute_not_exists(#target) OR #revision = :before",
            {"before": change.revision},
        )
    except ConditionFailed:
        return False
    return True
