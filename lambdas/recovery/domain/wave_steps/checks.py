"""Checks: what has to be true of a launched server before its wave counts it as recovered."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import BOTH, RunMode, read_modes, write_modes

# A server boots within about 5 minutes on Linux and 20 on Windows (DRS user guide, "Launching recovery instances").
DEFAULT_CHECKS_MINUTES = 30
DEFAULT_SECONDS_BETWEEN_LOOKS = 30


class CheckKind(StrEnum):
    """The kinds of checks, cheapest first: a server takes them in this order.

    `boot`: EC2's status checks of system, instance and attached EBS volumes pass. `postLaunchActions`: the launch
    actions of DRS have succeeded. `agent`: the agent of Systems Manager is online. `tcp`: a port accepts connections.
    `http`: an answer has the expected status. `command`: a document of Run Command succeeds. `targetGroup`: Elastic
    Load Balancing finds the server healthy. `tcp` and `http` are tried on the server itself, through Run Command.
    """

    BOOT = "boot"
    POST_LAUNCH_ACTIONS = "postLaunchActions"
    AGENT = "agent"
    TCP = "tcp"
    HTTP = "http"
    COMMAND = "command"
    TARGET_GROUP = "targetGroup"


# The kinds that have no settings, so that their name alone is a check.
KINDS_WITHOUT_SETTINGS = (CheckKind.BOOT, CheckKind.POST_LAUNCH_ACTIONS, CheckKind.AGENT)

# The kinds that need the agent of Systems Manager on the server.
KINDS_OF_COMMANDS = (CheckKind.TCP, CheckKind.HTTP, CheckKind.COMMAND)

_ORDER = {kind: number for number, kind in enumerate(CheckKind)}


@dataclass(frozen=True, slots=True)
class Check:
    """A check that has to pass `successes` times in a row. `settings` are those of its kind, as the plan has them.

    The setting of a `targetGroup` is `{"arn": ...}`.
    """

    kind: CheckKind
    settings: Mapping[str, Any] = field(default_factory=dict)
    successes: int = 1
    modes: tuple[RunMode, ...] = BOTH

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Check":
        """Read a check of a stored plan. Raise ValueError for one of no kind."""
        kind = next((kind for kind in CheckKind if kind.value in item), None)
        if kind is None:
            raise ValueError(f"a check of no known kind: {sorted(item)}")
        value = item[kind.value]
        settings = {"arn": value} if kind is CheckKind.TARGET_GROUP else dict(value)
        return cls(kind, settings, int(item.get("successes", 1)), read_modes(item))

    def to_item(self) -> dict[str, Any]:
        """The inverse: the kind with its settings, and the options that are set."""
        value = self.settings["arn"] if self.kind is CheckKind.TARGET_GROUP else dict(self.settings)
        successes = {"successes": self.successes} if self.successes > 1 else {}
        return {self.kind.value: value, **successes, **write_modes(self.modes)}

    @property
    def name(self) -> str:
        """How records, messages and reports name it: `http :8080/health`, `tcp :5432`, `command Shop-Smoke`."""
        match self.kind:
            case CheckKind.TCP:
                return f"tcp :{self.settings['port']}"
            case CheckKind.HTTP:
                return f"{self.settings.get('scheme', 'http')} :{self.settings['port']}{self.settings.get('path', '/')}"
            case CheckKind.COMMAND:
                return f"command {self.settings['document']}"
            case CheckKind.TARGET_GROUP:
                return f"target group {self.settings['arn'].rpartition('targetgroup/')[2].partition('/')[0]}"
            case _:
                return self.kind.value

    @property
    def key(self) -> str:
        """A text that two checks share only if they ask the same; `successes` and the kinds of runs do not count."""
        return f"{self.kind.value}:{json.dumps(self.settings, sort_keys=True)}"

    def is_of(self, target: Target) -> bool:
        """Whether servers of this target can have it: a target group has the members of its own account and Region."""
        if self.kind is not CheckKind.TARGET_GROUP:
            return True
        _, _, _, region, account_id, *_ = self.settings["arn"].split(":")
        return Target(account_id, region) == target


def read_checks(item: Mapping[str, Any]) -> tuple[Check, ...]:
    """The checks of a stored wave, or of a group in it."""
    return tuple(Check.from_item(check) for check in item.get("checks", ()))


def build_ladder(checks: Iterable[Check], mode: RunMode, target: Target) -> tuple[Check, ...]:
    """The checks that a server of this target takes in such a run, in their order, each once.

    Of two that ask the same, the one with more `successes` stays.
    """
    chosen: dict[str, Check] = {}
    for check in checks:
        if mode in check.modes and check.is_of(target):
            known = chosen.get(check.key)
            chosen[check.key] = check if known is None or check.successes > known.successes else known
    return tuple(sorted(chosen.values(), key=lambda check: _ORDER[check.kind]))
