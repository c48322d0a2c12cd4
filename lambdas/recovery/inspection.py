"""Which servers a run will recover in one target, and which it cannot."""

from collections.abc import Mapping

from recovery import drs, store
from recovery.batch import split_into_batches
from recovery.decide import FleetOfWave
from recovery.drs import SourceServer
from recovery.execution import Execution
from recovery.plan import GroupUse, ProtectionGroup, Wave
from recovery.store import WaveShare
from recovery.target import Target


def inspect(execution: Execution, target: Target, servers_per_job: int) -> list[WaveShare]:
    """Each wave's share in the target. Raise what DRS raises, TargetNotInitialized among it."""
    groups = {
        group_id: group
        for group_id, group in execution.groups.items()
        if group.target == target and group_id in execution.plan.group_ids
    }
    by_tags = any(not group.server_ids for group in groups.values())
    listed = {server_id for group in groups.values() for server_id in group.server_ids}
    servers = drs.describe_source_servers(target, None if by_tags else sorted(listed))
    known = {server.server_id: server for server in servers}

    shares, taken = [], dict[str, str]()
    for wave in execution.plan.waves:
        uses = [use for use in wave.groups if use.group_id in groups]
        if not uses:
            continue
        wanted, blocked = dict[str, SourceServer](), dict[str, str]()
        for use in uses:
            for server_id, problem in _select(use, groups[use.group_id], known).items():
                if server_id in wanted or server_id in blocked:
                    continue  # two groups of one wave may overlap
                if not problem and server_id in taken:
                    problem = f"it is in wave {taken[server_id]} already"
                if problem:
                    blocked[server_id] = problem
                else:
                    wanted[server_id] = known[server_id]
        taken.update(dict.fromkeys(wanted, wave.name))
        shares.append(
            WaveShare(
                wave=wave,
                target=target,
                hostnames={server_id: known[server_id].hostname for server_id in {*wanted, *blocked} & known.keys()},
                batches=split_into_batches(wanted, servers_per_job),
                blocked=blocked,
            )
        )
    return shares


def _select(use: GroupUse, group: ProtectionGroup, known: Mapping[str, SourceServer]) -> dict[str, str | None]:
    """The ids a wave takes from a group, each with what is wrong with it, if anything is."""
    selected: dict[str, str | None] = {
        server_id: None for server_id, server in known.items() if group.selects(server_id, server.tags)
    }
    missing = dict.fromkeys(set(group.server_ids) - known.keys(), "DRS does not know it in this target")
    if not use.only_server_ids:
        return {**selected, **missing}
    outside = f"it is not in protection group {group.name}"
    return {server_id: missing.get(server_id, selected.get(server_id, outside)) for server_id in use.only_server_ids}


def fleets_of(execution: Execution) -> list[FleetOfWave]:
    """What inspection kept of each wave, its targets put together."""
    return [_fleet(execution, wave) for wave in execution.plan.waves]


def _fleet(execution: Execution, wave: Wave) -> FleetOfWave:
    shares = list(store.rows(execution.execution_id, f"TARGET#{wave.name}#"))
    groups = [execution.groups[use.group_id] for use in wave.groups]
    return FleetOfWave(
        wave=wave,
        total=sum(int(row["servers"]) for row in shares),
        blocked=sum(int(row["blocked"]) for row in shares),
        example=next((example for row in shares if (example := row.get("firstBlocked"))), ""),
        selections="; ".join(f"{group.name}: {_selection(group)} in {group.target.key}" for group in groups),
    )


def _selection(group: ProtectionGroup) -> str:
    if group.server_ids:
        return f"{len(group.server_ids)} servers by id"
    return "tags " + ", ".join(f"{key}={value}" for key, value in sorted(group.tags.items()))
