"""The results of inspection: servers, and each wave in each target."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.plan import GroupUse, ProtectionGroup, Wave
from recovery.domain.readiness import Readiness, ServerVerdict
from recovery.domain.tally import Tally
from recovery.domain.target import Target
from recovery.wording import first_of, name_first, plural

# Reasons that a wave's part in a target names, and servers for each of them.
MAX_REASONS = MAX_NAMES = 3

# Ids of servers, instances and jobs, such as i-0123456789abcdef0.
_ID = re.compile(r"\b(?:s|i|[a-z]*job)-[0-9A-Za-z]{8,}\b")


@dataclass(frozen=True, slots=True)
class InspectedServer:
    """A server of a wave with its verdict, and the snapshot to launch it from, if not the latest.

    `snapshot_at` is when that snapshot, or else its newest one, was taken, in epoch seconds; None if it was not probed.
    `groups` has the ids of the protection groups that select the server. `lag_seconds` is how far its replica was
    behind at the inspection; None if DRS did not report it.
    """

    verdict: ServerVerdict
    hostname: str = ""
    optional: bool = False
    snapshot_id: str | None = None
    snapshot_at: float | None = None
    groups: tuple[str, ...] = ()
    lag_seconds: float | None = None

    def to_json(self) -> list[Any]:
        """The server as the FLEET row has it."""
        verdict = [self.verdict.readiness.value, list(self.verdict.reasons)]
        snapshot = [self.snapshot_id, self.snapshot_at]
        return [*verdict, self.hostname, self.optional, *snapshot, list(self.groups), self.lag_seconds]

    @classmethod
    def from_json(cls, packed: Sequence[Any]) -> "InspectedServer":
        """The inverse."""
        readiness, reasons, hostname, optional, snapshot_id, snapshot_at, groups, lag_seconds = packed
        verdict = ServerVerdict(Readiness(readiness), tuple(reasons))
        return cls(verdict, hostname, optional, snapshot_id, snapshot_at, tuple(groups), lag_seconds)


@dataclass(frozen=True, slots=True)
class WaveTargetInspection:
    """A wave's servers in one target. `already_launched` counts those that the continued run has launched.

    `notes` are for operators. `unlistable_groups` and `empty_groups` have the reason for each group that the wave
    requires and whose servers could not be listed, or that selects none. `refusals` are reasons against the whole run.
    """

    wave: Wave
    target: Target
    servers: Mapping[str, InspectedServer]
    already_launched: int = 0
    notes: tuple[str, ...] = ()
    unlistable_groups: tuple[str, ...] = ()
    empty_groups: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WaveTargetSummary:
    """A TARGET row: how many servers a wave has in a target, in how many batches, and how many of each verdict.

    A `pending` target has not been inspected yet: `servers` and `optional` count those that the plan lists by id, and
    `waiting_since`, in epoch seconds, is when its part of the wave began to wait for it. `is_late` is True for a target
    that was pending first.
    """

    wave: str
    target: Target
    servers: int
    batches: int
    blocked: int
    warned: int
    optional: int
    blocked_optional: int
    already_launched: int
    example_reason: str
    notes: tuple[str, ...]
    unlistable_groups: tuple[str, ...]
    empty_groups: tuple[str, ...] = ()
    pending: bool = False
    is_late: bool = False
    waiting_since: float | None = None
    refusals: tuple[str, ...] = ()

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "WaveTargetSummary":
        """Read a TARGET row."""
        since = row.get("waitingSince")
        return cls(
            wave=row["wave"],
            target=Target.from_state(row),
            servers=int(row["servers"]),
            batches=int(row["batches"]),
            blocked=int(row["blocked"]),
            warned=int(row["warned"]),
            optional=int(row["optional"]),
            blocked_optional=int(row["blockedOptional"]),
            already_launched=int(row["alreadyLaunched"]),
            example_reason=row.get("exampleReason", ""),
            notes=tuple(row.get("notes", ())),
            unlistable_groups=tuple(row.get("unlistableGroups", ())),
            empty_groups=tuple(row.get("emptyGroups", ())),
            pending=bool(row.get("pending", False)),
            is_late=bool(row.get("late", False)),
            waiting_since=float(since) if since is not None else None,
            refusals=tuple(row.get("refusals", ())),
        )

    @property
    def tally(self) -> Tally:
        """Count the servers that are in no batch. Those of a pending target have no outcome yet."""
        if self.pending:
            return Tally(total=self.servers, optional=self.optional)
        return Tally(total=self.blocked, excluded=self.blocked, optional=self.blocked_optional)

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """Why the wave lacks servers that it requires and that no number counts."""
        return (*self.unlistable_groups, *self.empty_groups)

    @property
    def problems(self) -> tuple[str, ...]:
        """What operators should read in the verdict on the wave about a target that was pending first."""
        if not self.is_late:
            return ()
        if self.example_reason:
            return (self.example_reason,)
        return () if self.batches or self.already_launched or self.shortfalls else self.notes


def describe_selection(group: ProtectionGroup) -> str:
    """The group with what it selects: `web servers: tags tier=web in 111122223333/us-west-2`."""
    by_tags = "tags " + ", ".join(f"{key}={value}" for key, value in sorted(group.tags.items()))
    selection = f"{plural(len(group.server_ids), 'server')} by id" if group.server_ids else by_tags
    return f"{group.name}: {selection} in {group.target.key}"


def hide_ids(reason: str) -> str:
    """The reason without the ids of servers, instances and jobs, so that those of several servers are equal."""
    return _ID.sub("...", reason)


def describe_blocked(blocked: Mapping[str, InspectedServer]) -> str:
    """`web-01, web-02, web-03 and 17 more: its replication is STOPPED, …`: the reasons, the most frequent first.

    Ids in a reason differ by server, so that they are left out of a reason that several have.
    """
    by_reason: dict[str, list[str]] = defaultdict(list)
    for server_id in sorted(blocked, key=lambda each: (blocked[each].hostname or each, each)):
        by_reason[hide_ids(blocked[server_id].verdict.reasons[0])].append(server_id)
    texts = []
    for reason, ids in sorted(by_reason.items(), key=lambda each: -len(each[1])):
        names = name_first([blocked[each].hostname or each for each in ids], MAX_NAMES)
        texts.append(f"{names}: {blocked[ids[0]].verdict.reasons[0] if len(ids) == 1 else reason}")
    return "; ".join(first_of(texts, MAX_REASONS))


def is_listed_by_id(use: GroupUse, group: ProtectionGroup) -> bool:
    """Whether the plan itself lists the servers of this use, so that they are known without DRS."""
    return bool(use.only_server_ids or group.server_ids)


def block_target(
    wave: Wave, target: Target, groups: Mapping[str, ProtectionGroup], reason: str
) -> WaveTargetInspection:
    """The inspection of a wave in a target that cannot be used: block the servers that are listed by id.

    Servers of a group by tags cannot be listed. Unless such a group is optional, the wave is marked as unlistable.
    """
    uses = [use for use in wave.groups if use.group_id in groups and groups[use.group_id].target == target]
    blocked = ServerVerdict(Readiness.BLOCKED, (reason,))
    servers: dict[str, InspectedServer] = {}
    for use in uses:
        for server_id in use.only_server_ids or groups[use.group_id].server_ids:
            before = servers.get(server_id, InspectedServer(blocked, optional=True))
            servers[server_id] = InspectedServer(
                blocked, optional=before.optional and use.optional, groups=(*before.groups, use.group_id)
            )
    is_unlistable = any(not use.optional and not is_listed_by_id(use, groups[use.group_id]) for use in uses)
    return WaveTargetInspection(
        wave, target, servers, notes=(reason,), unlistable_groups=(reason,) if is_unlistable else ()
    )
