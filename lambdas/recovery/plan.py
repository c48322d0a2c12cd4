"""Protection groups and recovery plans: what is recovered, and in which order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from recovery.errors import InvalidRequest
from recovery.target import Target

DEFAULT_LAUNCH_ATTEMPTS = 2

# Groups are asked for each of thousands of servers; their ids are made a set once.
_frozen = lru_cache(maxsize=256)(frozenset[str])


@dataclass(frozen=True, slots=True)
class ProtectionGroup:
    """Source servers of one target: listed in `server_ids`, or all that carry every tag of `tags`; never both."""

    group_id: str
    name: str
    target: Target
    server_ids: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

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
        }

    @property
    def listed(self) -> frozenset[str]:
        """The ids of a group by ids."""
        return _frozen(self.server_ids)

    def selects(self, server_id: str, tags: Mapping[str, str]) -> bool:
        """Is this source server of the group's target one of the group?"""
        if self.server_ids:
            return server_id in self.listed
        return all(tags.get(key) == value for key, value in self.tags.items())


@dataclass(frozen=True, slots=True)
class GroupUse:
    """A group as one wave uses it: whole, or only the servers named."""

    group_id: str
    only_server_ids: tuple[str, ...] = ()

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "GroupUse":
        """Read it from a wave's record."""
        return cls(item["groupId"], tuple(item.get("sourceServerIds", ())))

    def to_item(self) -> dict[str, Any]:
        """The inverse; a group used whole carries no ids."""
        subset = {"sourceServerIds": list(self.only_server_ids)} if self.only_server_ids else {}
        return {"groupId": self.group_id, **subset}


@dataclass(frozen=True, slots=True)
class Wave:
    """Servers recovered side by side. `max_failed_percent` of them may fail without failing the wave."""

    name: str
    groups: tuple[GroupUse, ...]
    depends_on: tuple[str, ...] = ()
    max_failed_percent: int = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Wave":
        """Read a wave of a stored plan, where `dependsOn` is always written out."""
        return cls(
            name=item["name"],
            groups=tuple(GroupUse.from_item(use) for use in item["groups"]),
            depends_on=tuple(item.get("dependsOn", ())),
            max_failed_percent=int(item.get("maxFailedPercent", 0)),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse of `from_item`."""
        return {
            "name": self.name,
            "groups": [use.to_item() for use in self.groups],
            "dependsOn": list(self.depends_on),
            "maxFailedPercent": self.max_failed_percent,
        }


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """Waves that form a graph without cycles; a server's launch is tried `launch_attempts` times at most.

    `active_execution_id` names the run that is on, if any. `clean_up_after_hours` is how long after the end of a drill
    its instances are terminated by themselves, None for never.
    """

    plan_id: str
    name: str
    waves: tuple[Wave, ...]
    description: str = ""
    launch_attempts: int = DEFAULT_LAUNCH_ATTEMPTS
    active_execution_id: str | None = None
    clean_up_after_hours: int | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "RecoveryPlan":
        """Read a row of the recovery-plans table, or the copy an execution keeps."""
        return cls(
            plan_id=item["planId"],
            name=item["name"],
            waves=tuple(Wave.from_item(wave) for wave in item["waves"]),
            description=item.get("description", ""),
            launch_attempts=int(item.get("launchAttempts", DEFAULT_LAUNCH_ATTEMPTS)),
            active_execution_id=item.get("activeExecutionId"),
            clean_up_after_hours=int(hours) if (hours := item.get("cleanUpAfterHours")) is not None else None,
        )

    def to_item(self) -> dict[str, Any]:
        """The row, without the lock: only starting and finishing a run write `activeExecutionId`."""
        return {
            "planId": self.plan_id,
            "name": self.name,
            "description": self.description,
            "launchAttempts": self.launch_attempts,
            **({} if self.clean_up_after_hours is None else {"cleanUpAfterHours": self.clean_up_after_hours}),
            "waves": [wave.to_item() for wave in self.waves],
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


def in_order(waves: Iterable[Wave]) -> tuple[Wave, ...]:
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
