"""How a run has launched its servers: with which settings, and what became of the changes of their launch settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from recovery.domain.batch import BatchRef
from recovery.domain.target import Target
from recovery.store.launches import applied_settings, settings_changes
from recovery.store.launches.applied_settings import AppliedServer, AppliedSettings
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange


class SettingsState(StrEnum):
    """What became of a server's launch settings.

    UNCHANGED: they were as its profile wants them. CHANGED: the run has changed them and has not put them back yet.
    PUT_BACK: that is over. LEFT: a person has changed them since, so they stay. REFUSED: the profile could not be
    applied, so the server was not launched.
    """

    UNCHANGED = "UNCHANGED"
    CHANGED = "CHANGED"
    PUT_BACK = "PUT_BACK"
    LEFT = "LEFT"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class ServerOfRun:
    """A server with a launch profile, as the last attempt of its batch had it. `reason` is that of REFUSED and LEFT."""

    ref: BatchRef
    attempt: int
    server_id: str
    applied: AppliedServer
    state: SettingsState
    reason: str | None


def list_servers(execution_id: str) -> list[ServerOfRun]:
    """The servers of the run for which launch profiles were applied, batch by batch."""
    applied = applied_settings.list_applied(execution_id)
    changes: dict[tuple[Target, str], SettingsChange] = {
        (target, change.server_id): change
        for target in {each.ref.target for each in applied}
        for change in settings_changes.list_changes(target)
        if change.owner.execution_id == execution_id
    }
    return [server for each in applied for server in _list_of_batch(each, changes)]


def _list_of_batch(
    applied: AppliedSettings, changes: dict[tuple[Target, str], SettingsChange]
) -> Iterator[ServerOfRun]:
    for server_id, server in sorted(applied.servers.items()):
        state, reason = _judge(server, changes.get((applied.ref.target, server_id)))
        yield ServerOfRun(applied.ref, applied.attempt, server_id, server, state, reason)


def _judge(server: AppliedServer, change: SettingsChange | None) -> tuple[SettingsState, str | None]:
    if server.refused:
        return SettingsState.REFUSED, server.refused
    if change and change.status is ChangeStatus.LEFT:
        return SettingsState.LEFT, change.reason
    if change:
        return SettingsState.CHANGED, None
    return (SettingsState.PUT_BACK if server.is_changed else SettingsState.UNCHANGED), None
