"""Selects the servers of a wave in a target, by the groups that it uses, and finds required groups without servers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.inspection import describe_selection
from recovery.domain.plan import GroupUse, ProtectionGroup, Wave


@dataclass(frozen=True, slots=True)
class SelectedServer:
    """A server that a wave selects, whether the wave may do without it, and why it cannot be recovered, if so.

    `groups` has the ids of the groups that select it.
    """

    optional: bool
    problem: str | None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WaveSelection:
    """The servers of a wave in a target, by id.

    `empty` has each use of a group that selects no server; a server that the use names but the group lacks is none.
    """

    servers: Mapping[str, SelectedServer]
    empty: tuple[GroupUse, ...]


def select_servers(
    wave: Wave, groups: Mapping[str, ProtectionGroup], known: Mapping[str, SourceServer]
) -> WaveSelection:
    """Select the wave's servers from the servers of one target that DRS knows.

    A server that several groups have is optional only if it is so in each of them.
    """
    selected: dict[str, SelectedServer] = {}
    empty = []
    for use in wave.groups:
        if use.group_id not in groups:
            continue
        group = groups[use.group_id]
        members = _find_members(use, group, known)
        for server_id, problem in members.items():
            before = selected.get(server_id, SelectedServer(True, problem))
            selected[server_id] = replace(
                before, optional=before.optional and use.optional, groups=(*before.groups, use.group_id)
            )
        if all(problem == _outside(group) for problem in members.values()):
            empty.append(use)
    return WaveSelection(selected, tuple(empty))


def _find_members(use: GroupUse, group: ProtectionGroup, known: Mapping[str, SourceServer]) -> dict[str, str | None]:
    """The servers of a group that a wave uses, by id, with the reason if one cannot be recovered."""
    members: dict[str, str | None] = {
        server_id: None for server_id, server in known.items() if group.selects(server_id, server.tags)
    }
    missing = dict.fromkeys(group.listed - known.keys(), "DRS does not know it in this target")
    if not use.only_server_ids:
        return {**members, **missing}
    outside = _outside(group)
    return {server_id: missing.get(server_id, members.get(server_id, outside)) for server_id in use.only_server_ids}


def _outside(group: ProtectionGroup) -> str:
    return f"it is not in protection group {group.name}"


def describe_empty_groups(
    selection: WaveSelection, groups: Mapping[str, ProtectionGroup], launched_before: Collection[str]
) -> tuple[list[str], list[str]]:
    """The groups without servers: a note for each, and the reason for each that the wave requires.

    A group whose servers the continued runs have launched (`launched_before` has the ids of such groups) lacks nothing.
    """
    notes, reasons = [], []
    for use in selection.empty:
        group = groups[use.group_id]
        notes.append(f"protection group {group.name} selects no servers")
        if not use.optional and use.group_id not in launched_before:
            restricted = ", of which the wave uses only servers that it lacks" if use.only_server_ids else ""
            reasons.append(f"protection group {describe_selection(group)}{restricted} selects no servers")
    return notes, reasons
