"""Protection groups and recovery plans: the servers to recover, and their order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from recovery.domain.drills.policy import DrillPolicy
from recovery.domain.launch_profiles.profiles import GroupProfiles
from recovery.domain.standing.answers import ReadinessAnswer
from recovery.domain.target import Target
from recovery.domain.wave_steps.actions import Action, ActionPlace, read_actions
from recovery.domain.wave_steps.approvals import Approval
from recovery.domain.wave_steps.checks import (
    DEFAULT_CHECKS_MINUTES,
    DEFAULT_SECONDS_BETWEEN_LOOKS,
    Check,
    read_checks,
)
from recovery.domain.wave_steps.modes import RunMode

DEFAULT_LAUNCH_ATTEMPTS = 2

# A group is tested against thousands of servers, so the set of its ids is built only once.
_frozenset = lru_cache(maxsize=256)(frozenset[str])


@dataclass(frozen=True, slots=True)
class ProtectionGroup:
    """Source servers of one target: those of `server_ids`, or all that have every tag of `tags`; never both.

    `profiles` say how they are launched. `version` counts the writes of the group, from 1; `updated_by`, if recorded,
    made the last one.
    """

    group_id: str
    name: str
    target: Target
    server_ids: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    profiles: GroupProfiles = field(default_factory=GroupProfiles)
    version: int = 1
    updated_by: str | None = None
    updated_at: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "ProtectionGroup":
        """Read a row of the protection-groups table, or the copy in the record of a run."""
        return cls(
            group_id=item["groupId"],
            name=item["name"],
            target=Target.from_state(item),
            server_ids=tuple(item.get("sourceServerIds", ())),
            tags=dict(item.get("tags", {})),
            description=item.get("description", ""),
            profiles=GroupProfiles.from_item(item.get("launchProfiles", {})),
            version=int(item.get("version", 1)),
            updated_by=item.get("updatedBy"),
            updated_at=item.get("updatedAt"),
        )

    def to_item(self) -> dict[str, Any]:
        """The row. Only the selection in use is written, and profiles if there are some."""
        selection: dict[str, Any] = (
            {"sourceServerIds": list(self.server_ids)} if self.server_ids else {"tags": dict(self.tags)}
        )
        return {
            "groupId": self.group_id,
            "name": self.name,
            "description": self.description,
            **self.target.to_state(),
            **selection,
            **self.profiles.to_field(),
            "version": self.version,
            "updatedBy": self.updated_by,
            "updatedAt": self.updated_at,
        }

    @property
    def listed(self) -> frozenset[str]:
        """The ids of a group by ids, as a set."""
        return _frozenset(self.server_ids)

    def selects(self, server_id: str, tags: Mapping[str, str]) -> bool:
        """Whether this source server of the group's target is in the group."""
        if self.server_ids:
            return server_id in self.listed
        return all(tags.get(key) == value for key, value in self.tags.items())


@dataclass(frozen=True, slots=True)
class GroupUse:
    """A group in a wave: whole, or only some of its servers. A wave does not fail because of `optional` servers.

    Its servers have these `checks` besides those of the wave.
    """

    group_id: str
    only_server_ids: tuple[str, ...] = ()
    optional: bool = False
    checks: tuple[Check, ...] = ()

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "GroupUse":
        """Read a group of a stored wave."""
        server_ids, optional = tuple(item.get("sourceServerIds", ())), bool(item.get("optional", False))
        return cls(item["groupId"], server_ids, optional, read_checks(item))

    def to_item(self) -> dict[str, Any]:
        """The inverse; a group that is used whole has no ids."""
        subset = {"sourceServerIds": list(self.only_server_ids)} if self.only_server_ids else {}
        checks = {"checks": [check.to_item() for check in self.checks]} if self.checks else {}
        return {"groupId": self.group_id, **subset, **({"optional": True} if self.optional else {}), **checks}


class OnFailure(StrEnum):
    """What follows when a wave fails: no further wave starts, the others go on, or an operator decides."""

    STOP = "stop"
    CONTINUE = "continue"
    ASK = "ask"


class RunAfter(StrEnum):
    """What a wave requires of those it depends on: that they succeeded, or only that they ended."""

    SUCCESS = "success"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class Wave:
    """Servers that are recovered in parallel. `max_failed_percent` of them may fail without failing the wave.

    With `approval` or `pause_before`, the wave waits for an operator before it starts. `rto_target_minutes` is the time
    that it should take.

    Its launched servers are checked every `seconds_between_looks` until all have passed their checks, for at most
    `checks_timeout_minutes`. The actions `before` it run before its servers are launched, those `after` it when enough
    of them have passed.
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
    checks: tuple[Check, ...] = ()
    checks_timeout_minutes: int = DEFAULT_CHECKS_MINUTES
    seconds_between_looks: int = DEFAULT_SECONDS_BETWEEN_LOOKS
    before: tuple[Action, ...] = ()
    after: tuple[Action, ...] = ()

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Wave":
        """Read a wave of a stored plan."""
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
            checks=read_checks(item),
            checks_timeout_minutes=int(item.get("checksTimeoutMinutes", DEFAULT_CHECKS_MINUTES)),
            seconds_between_looks=int(item.get("checksEverySeconds", DEFAULT_SECONDS_BETWEEN_LOOKS)),
            before=read_actions(item, ActionPlace.BEFORE),
            after=read_actions(item, ActionPlace.AFTER),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse of `from_item`. Options that are not set are not written."""
        options = {
            "approval": self.approval.to_item() if self.approval else None,
            "pauseBefore": self.pause_before or None,
            "rtoTargetMinutes": self.rto_target_minutes,
            **self._checks_to_item(),
            "before": [action.to_item() for action in self.before] or None,
            "after": [action.to_item() for action in self.after] or None,
        }
        return {
            "name": self.name,
            "groups": [use.to_item() for use in self.groups],
            "dependsOn": list(self.depends_on),
            "runAfter": self.run_after.value,
            "maxFailedPercent": self.max_failed_percent,
            "onFailure": self.on_failure.value,
            **{name: value for name, value in options.items() if value is not None},
        }

    def _checks_to_item(self) -> dict[str, Any]:
        checks = {"checks": [check.to_item() for check in self.checks]} if self.checks else {}
        if not checks and not any(use.checks for use in self.groups):
            return {}
        times = {"checksTimeoutMinutes": self.checks_timeout_minutes, "checksEverySeconds": self.seconds_between_looks}
        return {**checks, **times}

    def has_checks(self, mode: RunMode) -> bool:
        """Whether any of its servers may have to pass a check in such a run."""
        of_groups = (check for use in self.groups for check in use.checks)
        return any(mode in check.modes for check in (*self.checks, *of_groups))


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """Waves that form a graph without cycles. A server has at most `launch_attempts` attempts.

    A run is measured against the targets: how old the recovered data may be (RPO) and how long the run may take (RTO).
    Instances of a drill are terminated `clean_up_after_hours` after its end, if that is set. With `four_eyes`, who has
    started a run does not approve its waves. With `comments_required`, a failed wave is accepted or aborted with a
    reason only. Its readiness is checked every `readiness_every_hours`, if that is set; `last_readiness` is the last
    answer. With a `drill_policy`, it is drilled on a schedule, and is overdue without a drill that counts.
    `active_execution_id` is the run that has the plan's lock, if any. `version` counts the writes of the plan, from 1;
    `updated_by` (None if it was not recorded) made the last one. The actions `before` run before the first wave, those
    `after` when every wave has ended.
    """

    plan_id: str
    name: str
    waves: tuple[Wave, ...]
    description: str = ""
    launch_attempts: int = DEFAULT_LAUNCH_ATTEMPTS
    rpo_target_minutes: int | None = None
    rto_target_minutes: int | None = None
    clean_up_after_hours: int | None = None
    four_eyes: bool = False
    comments_required: bool = False
    readiness_every_hours: int | None = None
    drill_policy: DrillPolicy | None = None
    before: tuple[Action, ...] = ()
    after: tuple[Action, ...] = ()
    active_execution_id: str | None = None
    last_readiness: ReadinessAnswer | None = None
    version: int = 1
    updated_by: str | None = None
    updated_at: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "RecoveryPlan":
        """Read a row of the recovery-plans table, or the copy in the record of a run."""
        return cls(
            plan_id=item["planId"],
            name=item["name"],
            waves=tuple(Wave.from_item(wave) for wave in item["waves"]),
            description=item.get("description", ""),
            launch_attempts=int(item.get("launchAttempts", DEFAULT_LAUNCH_ATTEMPTS)),
            rpo_target_minutes=item.get("rpoTargetMinutes"),
            rto_target_minutes=item.get("rtoTargetMinutes"),
            clean_up_after_hours=item.get("cleanUpAfterHours"),
            four_eyes=bool(item.get("fourEyes", False)),
            comments_required=bool(item.get("commentsRequired", False)),
            readiness_every_hours=int(item["readinessEveryHours"]) if item.get("readinessEveryHours") else None,
            drill_policy=DrillPolicy.from_item(item.get("drillPolicy")),
            before=read_actions(item, ActionPlace.BEFORE),
            after=read_actions(item, ActionPlace.AFTER),
            active_execution_id=item.get("activeExecutionId"),
            last_readiness=ReadinessAnswer.from_item(item["lastReadiness"]) if item.get("lastReadiness") else None,
            version=int(item.get("version", 1)),
            updated_by=item.get("updatedBy"),
            updated_at=item.get("updatedAt"),
        )

    def to_item(self) -> dict[str, Any]:
        """The row, without what only runs write: `activeExecutionId`, the lock, and `lastReadiness`."""
        options = {
            "rpoTargetMinutes": self.rpo_target_minutes,
            "rtoTargetMinutes": self.rto_target_minutes,
            "cleanUpAfterHours": self.clean_up_after_hours,
            "fourEyes": self.four_eyes or None,
            "commentsRequired": self.comments_required or None,
            "readinessEveryHours": self.readiness_every_hours,
            "drillPolicy": self.drill_policy.to_item() if self.drill_policy else None,
            "before": [action.to_item() for action in self.before] or None,
            "after": [action.to_item() for action in self.after] or None,
            "updatedBy": self.updated_by,
            "updatedAt": self.updated_at,
        }
        return {
            "planId": self.plan_id,
            "name": self.name,
            "description": self.description,
            "launchAttempts": self.launch_attempts,
            **{name: value for name, value in options.items() if value is not None},
            "waves": [wave.to_item() for wave in self.waves],
            "version": self.version,
        }

    @property
    def group_ids(self) -> list[str]:
        """The ids of the groups that the waves use, each once, in the order of first use."""
        return list(dict.fromkeys(use.group_id for wave in self.waves for use in wave.groups))

    def wave(self, name: str) -> Wave:
        """Return the wave of this name; raise KeyError."""
        for wave in self.waves:
            if wave.name == name:
                return wave
        raise KeyError(name)

    def order_of(self, name: str) -> int:
        """The number of the wave of this name, from 1."""
        return [wave.name for wave in self.waves].index(name) + 1

    def dependents_of(self, name: str) -> list[Wave]:
        """The waves that depend on this one directly."""
        return [wave for wave in self.waves if name in wave.depends_on]
