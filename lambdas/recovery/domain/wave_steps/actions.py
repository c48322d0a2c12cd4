"""Actions: what happens before and after a wave, and before and after the plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import BOTH, RunMode, read_modes, write_modes

DEFAULT_ACTION_MINUTES = 30

# The most that a person is waited for: a day less than the state machine that waits may run.
DEFAULT_MANUAL_MINUTES = 24 * 60


class ActionKind(StrEnum):
    """The kinds of actions.

    `ssmAutomation` starts an Automation runbook, `ssmCommand` a document of Run Command on the new instances of the
    wave, `lambda` a function, `stateMachine` an execution of Step Functions; `event` puts an event on a bus of
    EventBridge, `wait` waits, and `manual` asks a person.
    """

    SSM_AUTOMATION = "ssmAutomation"
    SSM_COMMAND = "ssmCommand"
    LAMBDA = "lambda"
    STATE_MACHINE = "stateMachine"
    EVENT = "event"
    WAIT = "wait"
    MANUAL = "manual"

    @property
    def runs_in_target(self) -> bool:
        """Whether it acts in an account and Region, with the role of the target."""
        return self not in (ActionKind.WAIT, ActionKind.MANUAL)


class OnActionFailure(StrEnum):
    """What follows when an action fails: its wave fails, the wave goes on, or an operator decides.

    An action of the plan that stops ends the run before its first wave; after the waves, it makes the run PARTIAL.
    """

    STOP = "stop"
    CONTINUE = "continue"
    ASK = "ask"


class ActionsOption(StrEnum):
    """What a drill does with the actions of its plan. A recovery runs them.

    VERIFY_ONLY looks whether each could run, and starts none.
    """

    RUN = "run"
    SKIP = "skip"
    VERIFY_ONLY = "verifyOnly"


class ActionPlace(StrEnum):
    """Where an action stands: before or after its wave, or the plan."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Action:
    """An action; no other of the plan has its name. `settings` are those of its kind, as the plan has them.

    `account_id` and `region` say where it acts; without them it acts in the only target of its wave or plan.
    """

    name: str
    kind: ActionKind
    settings: Mapping[str, Any]
    account_id: str | None = None
    region: str | None = None
    modes: tuple[RunMode, ...] = BOTH
    timeout_minutes: int = DEFAULT_ACTION_MINUTES
    on_failure: OnActionFailure = OnActionFailure.STOP

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Action":
        """Read an action of a stored plan. Raise ValueError for one of no kind."""
        kind = next((kind for kind in ActionKind if kind.value in item), None)
        if kind is None:
            raise ValueError(f"an action of no known kind: {sorted(item)}")
        return cls(
            name=item["name"],
            kind=kind,
            settings=item[kind.value],
            account_id=item.get("accountId"),
            region=item.get("region"),
            modes=read_modes(item),
            timeout_minutes=int(item.get("timeoutMinutes", DEFAULT_ACTION_MINUTES)),
            on_failure=OnActionFailure(item.get("onFailure", "stop")),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        where = {"accountId": self.account_id, "region": self.region}
        return {
            "name": self.name,
            self.kind.value: dict(self.settings),
            **{name: value for name, value in where.items() if value is not None},
            **write_modes(self.modes),
            "timeoutMinutes": self.timeout_minutes,
            "onFailure": self.on_failure.value,
        }

    @property
    def target(self) -> Target | None:
        """The account and Region that the plan names for it, if any."""
        return Target(self.account_id, self.region) if self.account_id and self.region else None

    @property
    def title(self) -> str:
        """What it does, for people: `automation Shop-FreezeWrites`, `wait 5 minutes`."""
        settings = self.settings
        match self.kind:
            case ActionKind.SSM_AUTOMATION:
                return f"automation {settings['document']}"
            case ActionKind.SSM_COMMAND:
                return f"command {settings['document']} on the new instances"
            case ActionKind.LAMBDA:
                return f"function {settings['function'].rpartition(':')[2]}"
            case ActionKind.STATE_MACHINE:
                return f"state machine {settings['name'].rpartition(':')[2]}"
            case ActionKind.EVENT:
                return f"event {settings['detailType']} on bus {settings.get('bus', 'default')}"
            case ActionKind.WAIT:
                return f"wait {settings['minutes']} minutes"
            case ActionKind.MANUAL:
                return "a person confirms"


def read_actions(item: Mapping[str, Any], place: ActionPlace) -> tuple[Action, ...]:
    """The actions of a stored wave or plan at this place, in their order."""
    return tuple(Action.from_item(action) for action in item.get(place.value, ()))
