"""Which servers a run will recover in one target, and which it cannot."""

from collections.abc import Mapping

from recovery import drs, fleet, store
from recovery.decide import FleetOfWave, why_not_recoverable
from recovery.drs import SourceServer
from recovery.execution import Execution
from recovery.fleet import WaveShare
from recovery.plan import GroupUse, ProtectionGroup, Wave
from recovery.target import Target

# Longest host name that is kept: that of one DNS label. It keeps the row of 4,000 servers under 400 KB.
LONGEST_HOSTNAME = 63


def inspect(execution: Execution, target: Target) -> list[WaveShare]:
    """Each wave's share in the target. Raise what DRS raises, TargetNotInitialized among it."""
    every_group = store.groups_of(execution.execution_id)
    groups = {group_id: group for group_id, group in every_group.items() if group.target == target}
    by_tags = any(not group.server_ids for group in groups.values())
    listed = {server_id for group in groups.values() for server_id in group.server_ids}
    servers = drs.describe_source_servers(target, None if by_tags else sorted(listed))
    known = {server.server_id: server for server in servers}

    shares, taken = [], dict[str, str]()
    for wave in execution.plan.waves:
        uses = [use for use in wave.groups if use.group_id in groups]
        if not uses:
            continue
        chosen = _choose(uses, groups, known)
        for server_id in chosen.keys() & taken.keys():
            chosen[server_id] = chosen[server_id] or f"it is in wave {taken[server_id]} already"
        found = {
            server_id: known[server_id].hostname[:LONGEST_HOSTNAME] for server_id, why in chosen.items() if not why
        }
        taken.update(dict.fromkeys(found, wave.name))
        shares.append(WaveShare(wave, target, found, {server_id: why for server_id, why in chosen.items() if why}))
    return shares


def _choose(
    uses: list[GroupUse], groups: Mapping[str, ProtectionGroup], known: Mapping[str, SourceServer]
) -> dict[str, str | None]:
    """The ids a wave takes from its groups, which may overlap, each with why it cannot be recovered, if so."""
    chosen: dict[str, str | None] = {}
    for use in uses:
        for server_id, why in _select(use, groups[use.group_id], known).items():
            chosen.setdefault(server_id, why)
    return chosen


def _select(use: GroupUse, group: ProtectionGroup, known: Mapping[str, SourceServer]) -> dict[str, str | None]:
    selected = {
        server_id: why_not_recoverable(server.replication_state)
        for server_id, server in known.items()
        if group.selects(server_id, server.tags)
    }
    missing = dict.fromkeys(group.listed - known.keys(), "DRS does not know it in this target")
    if not use.only_server_ids:
        return {**selected, **missing}
    outside = f"it is not in protection group {group.name}"
    return {server_id: missing.get(server_id, selected.get(server_id, outside)) for server_id in use.only_server_ids}


def fleets_of(execution: Execution) -> list[FleetOfWave]:
    """What inspection kept of each wave, its targets put together."""
    groups = store.groups_of(execution.execution_id)
    return [_fleet(execution, wave, groups) for wave in execution.plan.waves]


def _fleet(execution: Execution, wave: Wave, groups: Mapping[str, ProtectionGroup]) -> FleetOfWave:
    shares = fleet.shares_of(execution.execution_id, wave.name)
    used = [groups[use.group_id] for use in wave.groups]
    return FleetOfWave(
        wave=wave,
        total=sum(share.servers for share in shares),
        blocked=sum(share.blocked for share in shares),
        example=next((share.example for share in shares if share.example), ""),
        selections="; ".join(f"{group.name}: {_selection(group)} in {group.target.key}" for group in used),
    )


def _selection(group: ProtectionGroup) -> str:
    if group.server_ids:
        return f"{len(group.server_ids)} servers by id"
    return "tags " + ", ".join(f"{key}={value}" for key, value in sorted(group.tags.items()))
