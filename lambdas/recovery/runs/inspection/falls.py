"""Compares what groups select now with what they selected in the plan's last run that launched servers.

A tag that was renamed, or a server that was deleted from DRS, drops servers from a group without an error.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recovery.domain.execution import Execution, ExecutionStatus, Mode
from recovery.domain.plan import ProtectionGroup
from recovery.domain.target import Target
from recovery.runs.inspection.selection import WaveSelection
from recovery.store import chains, executions, inspections
from recovery.store.chains import Chain
from recovery.wording import name_first, plural

# The newest runs of the plan that are searched for one that launched servers, and the servers that a note names.
MAX_EARLIER_RUNS, MAX_NAMES = 100, 10

Members = Mapping[str, Mapping[str, str]]
"""The host name of each server of a group, by group id and server id."""


def find_members(chain: Chain, target: Target) -> Members:
    """The servers that each group selected in the runs of the chain."""
    found: dict[str, dict[str, str]] = {}
    for execution_id in chain.execution_ids:
        for group_id, members in inspections.list_group_members(execution_id, target).items():
            found.setdefault(group_id, {}).update(members)
    return found


def note_falls(
    execution: Execution,
    target: Target,
    groups: Mapping[str, ProtectionGroup],
    selections: Sequence[WaveSelection],
) -> dict[str, str]:
    """A note for each group that selects fewer servers than in the last run that launched some, by group id."""
    last = _find_last_launch(execution)
    if last is None:
        return {}
    before = find_members(chains.read_chain(last).up_to(last), target)
    now = _members_now(selections)
    notes = {}
    for group_id, group in groups.items():
        gone = {each: name for each, name in before.get(group_id, {}).items() if each not in now.get(group_id, ())}
        if gone:
            was, count = plural(len(before[group_id]), "server"), len(now.get(group_id, ()))
            notes[group_id] = f"group {group.name} selected {was} in {last}, now {count}: {_name_servers(gone)} missing"
    return notes


def _find_last_launch(execution: Execution) -> str | None:
    rows = executions.list_executions(MAX_EARLIER_RUNS, None, plan_id=execution.run.plan_id).items
    return next((row["executionId"] for row in rows if _has_launched(row)), None)


def _has_launched(row: Mapping[str, Any]) -> bool:
    return row["mode"] != Mode.READINESS and row["status"] in (ExecutionStatus.COMPLETED, ExecutionStatus.PARTIAL)


def _members_now(selections: Iterable[WaveSelection]) -> dict[str, set[str]]:
    members: dict[str, set[str]] = {}
    for selection in selections:
        for server_id, server in selection.servers.items():
            for group_id in server.groups:
                members.setdefault(group_id, set()).add(server_id)
    return members


def _name_servers(servers: Mapping[str, str]) -> str:
    """`s-1 (web-1), s-2 (web-2) and 3 more are`, or `s-1 is`."""
    names = [f"{each} ({name})" if name and name != each else each for each, name in sorted(servers.items())]
    return f"{name_first(names, MAX_NAMES)} {'is' if len(names) == 1 else 'are'}"
