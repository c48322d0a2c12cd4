"""Protection groups and recovery plans: what is recovered, and in which order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from recovery.domain.target import Target
from recovery.errors import InvalidRequest

DEFAULT_LAUNCH_ATTEMPTS = 2

# An approval nobody answers must not hold a run for ever.
DEFAULT_APPROVAL_MINUTES = 24 * 60

# Groups are asked for each of thousands of servers; their ids are made a set once.
_frozenset = lru_cache(maxsize=256)(frozenset[str])


@dataclass(frozen=True, slots=True)
class ProtectionGroup:
    """Source servers of one target: listed in `server_ids`, or all that carry every tag of `tags`; never both.

    `version` counts the writes of it, from 1.
    """

    group_id: str
    name: str
    target: Target
    server_ids: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    version: int = 1

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "ProtectionGroup":
        """Read a row of the protection-groups table, or the copy an execution keeps."""
        return cls(
            group_id=item["groupId"],
            name=item["name"],
            target=Target.from_state(item),
            server_ids=tuple(item.get("sourceServerIds", ())),
            tags=dict(item.get("tags", {})),
            description=item.get("description", ""),
            version=int(item.get("version", 1)),
        )

    def to_item(self) -> dict[str, Any]:
        """The row. Only the selection in use is written."""
        selection: dict[str, Any] = (
            {"sourceServerIds": list(self.server_ids)} if self.server_ids else {"tags": dict(self.tags)}
        )
        return {
            "groupId": self.group_id,
            "name": self.name,
            "description": self.description,
            **self.target.to_state(),
            **selection,
            "version": self.version,
        }

    @property
    def listed(self) -> frozenset[str]:
        """The ids of a group by ids."""
        return _frozenset(self.server_ids)

    def selects(self, server_id: str, tags: Mapping[str, str]) -> bool:
        """Is this source server of the group's target one of the group?"""
        if self.server_ids:
            return server_id in self.listed
        return all(tags.get(key) == value for key, value in self.tags.items())


@dataclass(frozen=True, slots=True)
class GroupUse:
    """A group as one wave uses it: whole, or only the servers named. A wave does not fail for `optional` servers."""

    group_id: str
    only_server_ids: tuple[str, ...] = ()
    optional: bool = False

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "GroupUse":
        """Read it from a wave's record."""
        return cls(item["groupId"], tuple(item.get("sourceServerIds", ())), bool(item.get("optional", False)))

    def to_item(self) -> dict[str, Any]:
        """The inverse; a group used whole carries no ids."""
        subset = {"sourceServerIds": list(self.only_server_ids)} if self.only_server_ids else {}
        return {"groupId": self.group_id, **subset, **({"optional": True} if self.optional else {})}


class OnFailure(StrEnum):
    """What a failed wave means for the run: no further wave starts, the others go on, or people are asked."""

    STOP = "stop"
    CONTINUE = "continue"
    ASK = "ask"


class RunAfter(StrEnum):
    """What a wave wants of those it depends on: that they succeeded, or only that they ended."""

    SUCCESS = "success"
    COMPLETION = "completion"


class OnTimeout(StrEnum):
    """What an approval that nobody gave or refused in time counts as."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Approval:
    """A wave starts only when somebody says so, within `timeout_minutes`."""

    timeout_minutes: int = DEFAULT_APPROVAL_MINUTES
    on_timeout: OnTimeout = OnTimeout.REJECT

    @classmethod
    def from_item(cls, item: Mapping[str, Any] | None) -> "Approval | None":
        """Read it from a wave's record; None when the wave needs no approval."""
        if not item or not item.get("required"):
            return None
        minutes = int(item.get("timeoutMinutes", DEFAULT_APPROVAL_MINUTES))
        return cls(minutes, OnTimeout(item.get("onTimeout", "reject")))

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        return {"required": True, "timeoutMinutes": self.timeout_minutes, "onTimeout": self.on_timeout.value}


@dataclass(frozen=True, slots=True)
class Wave:
    """Servers recovered side by side. `max_failed_percent` of them may fail without failing the wave.

    `approval` and `pause_before` hold it until people let it go; `rto_target_minutes` is what it should take.
    """

    name: str
    groups: tuple[GroupUse, ...]
    depends_on: tuple[str, ...] = ()
    max_failed_percent: int = 0
    approval: Approval | None = None
    pause_before: bool = False
    on_failure: OnFailure = OnFailure.CONTINUE
    run_after: RunAfter = RunAfter.SUCCESS
    rto_target_minutes: int | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Wave":
        """Read a wave of a stored plan, where `dependsOn` is always written out."""
        return cls(
            name=item["name"],
            groups=tuple(GroupUse.from_item(use) for use in item["groups"]),
            depends_on=tuple(item.get("dependsOn", ())),
            max_failed_percent=int(item.get("maxFailedPercent", 0)),
            approval=Approval.from_item(item.get("approval")),
            pause_before=bool(item.get("pauseBefore", False)),
            on_failure=OnFailure(item.get("onFailure", "continue")),
            run_after=RunAfter(item.get("runAfter", "success")),
            rto_target_minutes=item.get("rtoTargetMinutes"),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse of `from_item`. What a wave does not ask for is not written."""
        asked = {
            "approval": self.approval.to_item() if self.approval else None,
            "pauseBefore": self.pause_before or None,
            "rtoTargetMinutes": self.rto_target_minutes,
        }
        return {
            "name": self.name,
            "groups": [use.to_item() for use in self.groups],
            "dependsOn": list(self.depends_on),
            "runAfter": self.run_after.value,
            "maxFailedPercent": self.max_failed_percent,
            "onFailure": self.on_failure.value,
            **{name: value for name, value in asked.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """Waves that form a graph without cycles; a server's launch is tried `launch_attempts` times at most.

    The targets are what a run is measured against: how old data may be (RPO) and how long it may take (RTO).
    Instances of a drill are terminated `clean_up_after_hours` after its end, if that is set. `active_execution_id`
    names the run that is on, if any; `version` counts the writes of the plan, from 1.
    """

    plan_id: str
    name: str
    waves: tuple[Wave, ...]
    description: str = ""
    launch_attempts: int = DEFAULT_LAUNCH_ATTEMPTS
    rpo_target_minutes: int | None = None
    rto_target_minutes: int | None = None
    clean_up_after_hours: int | None = None
    active_execution_id: str | None = None
    version: int = 1

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "RecoveryPlan":
        """Read a row of the recovery-plans table, or the copy an execution keeps."""
        return cls(
            plan_id=item["planId"],
            name=item["name"],
            waves=tuple(Wave.from_item(wave) for wave in item["waves"]),
            description=item.get("description", ""),
            launch_attempts=int(item.get("launchAttempts", DEFAULT_LAUNCH_ATTEMPTS)),
            rpo_target_minutes=item.get("rpoTargetMinutes"),
            rto_target_minutes=item.get("rtoTargetMinutes"),
            clean_up_after_hours=item.get("cleanUpAfterHours"),
            active_execution_id=item.get("activeExecutionId"),
            version=int(item.get("version", 1)),
        )

    def to_item(self) -> dict[str, Any]:
        """The row, without the lock: only starting and finishing a run write `activeExecutionId`."""
        asked = {
            "rpoTargetMinutes": self.rpo_target_minutes,
            "rtoTargetMinutes": self.rto_target_minutes,
            "cleanUpAfterHours": self.clean_up_after_hours,
        }
        return {
            "planId": self.plan_id,
            "name": self.name,
            "description": self.description,
            "launchAttempts": self.launch_attempts,
            **{name: value for name, value in asked.items() if value is not None},
            "waves": [wave.to_item() for wave in self.waves],
            "version": self.version,
        }

    @property
    def group_ids(self) -> list[str]:
        """Ids of the groups the waves use, each once, in order of first use."""
        return list(dict.fromkeys(use.group_id for wave in self.waves for use in wave.groups))

    def wave(self, name: str) -> Wave:
        """The wave of this name; KeyError when the plan has none."""
        for wave in self.waves:
            if wave.name == name:
                return wave
        raise KeyError(name)

    def dependants_of(self, name: str) -> list[Wave]:
        """The waves that wait for this one directly."""
        return [wave for wave in self.waves if name in wave.depends_on]


def order_waves(waves: Iterable[Wave]) -> tuple[Wave, ...]:
    """The waves with every wave behind those it depends on, else in the order given.

    Raises InvalidRequest naming each field that is wrong: a repeated name, a dependency that does not exist, a
    cycle. The order matters to the state machine too: its Map runs at most 40 iterations at a time, so a wave
    must never wait for one that comes later.
    """
    waves = tuple(waves)
    index = {wave.name: number for number, wave in reversed(list(enumerate(waves)))}
    problems = [
        {"field": f"waves[{number}].name", "message": f"wave name {wave.name!r} is used twice"}
        for number, wave in enumerate(waves)
        if index[wave.name] != number
    ] + [
        {"field": f"waves[{number}].dependsOn", "message": f"there is no wave {name!r} in this plan"}
        for number, wave in enumerate(waves)
        for name in wave.depends_on
        if name not in index
    ]
    if problems:
        raise InvalidRequest("The plan's waves do not fit together.", problems)

    ordered: list[Wave] = []
    placed: set[str] = set()
    left = list(waves)
    while left:
        ready = next((wave for wave in left if placed.issuperset(wave.depends_on)), None)
        if ready is None:
            circle = "these waves wait in a circle: " + ", ".join(wave.name for wave in left)
            raise InvalidRequest(
                "The plan's waves do not fit together.",
                [{"field": f"waves[{index[wave.name]}].dependsOn", "message": circle} for wave in left],
            )
        ordered.append(ready)
        placed.add(ready.name)
        left.remove(ready)
    return tuple(ordered)
