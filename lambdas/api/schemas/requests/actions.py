"""Actions before and after waves and plans, as callers send them."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, StrictInt, StringConstraints, model_validator

from api.http.paths import refuse_route_word
from api.schemas.requests.base import AccountId, KnownRegion, RequestModel
from api.schemas.requests.checks import Modes, only_kind
from api.schemas.requests.forms import Form, suggest_minutes, suggest_slug
from api.schemas.requests.step_texts import (
    DocumentName,
    DocumentParameters,
    DocumentVersion,
    Payload,
    StepText,
    require_known_names,
    require_no_secret,
)
from recovery.domain.wave_steps import placeholders
from recovery.domain.wave_steps.actions import (
    DEFAULT_ACTION_MINUTES,
    DEFAULT_MANUAL_MINUTES,
    Action,
    ActionKind,
    ActionPlace,
    OnActionFailure,
)
from recovery.domain.wave_steps.modes import BOTH

MAX_ACTIONS = 10
# A day less than the state machine that waits may run.
MAX_ACTION_MINUTES = 12 * 24 * 60
MAX_WAIT_MINUTES = 24 * 60
# A function of ours waits for the answer, and Lambda ends it after 15 minutes.
MAX_LAMBDA_MINUTES = 14

ACTION_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
FUNCTION_PATTERN = (
    r"^(arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:)?[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?$"
)
STATE_MACHINE_PATTERN = r"^(arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:stateMachine:)?[A-Za-z0-9_-]{1,80}$"
BUS_PATTERN = r"^(arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus/)?[A-Za-z0-9._/-]{1,256}$"

ActionName = Annotated[
    str,
    StringConstraints(pattern=ACTION_PATTERN),
    AfterValidator(refuse_route_word),
    Form("lower-case letters, digits and hyphens, at most 63 characters", "freeze-writes", suggest_slug),
]


class AutomationAction(RequestModel):
    """A runbook of Systems Manager Automation."""

    document: DocumentName = Field(description="The runbook: its name, or its ARN if another account shares it.")
    document_version: DocumentVersion | None = Field(default=None, description="Its version; the default one without.")
    parameters: DocumentParameters = Field(default={}, description="The values of the runbook's parameters.")


class CommandAction(RequestModel):
    """A document of Run Command, on all new instances of the wave, 50 at a time."""

    document: DocumentName = Field(description="The document: its name, or its ARN if another account shares it.")
    document_version: DocumentVersion | None = Field(default=None, description="Its version; the default one without.")
    parameters: DocumentParameters = Field(default={}, description="The values of the document's parameters.")


class LambdaAction(RequestModel):
    """A function that is called and waited for. It may be called twice with the same `actionKey`."""

    function: Annotated[
        str, StringConstraints(pattern=FUNCTION_PATTERN), Form("the name or ARN of a function", "shop-dns")
    ] = Field(description="The function, by name or ARN.")
    payload: Payload = Field(default={}, description="What it gets, besides `actionKey`.")


class StateMachineAction(RequestModel):
    """A state machine, an execution of which is started and waited for."""

    name: Annotated[
        str, StringConstraints(pattern=STATE_MACHINE_PATTERN), Form("the name or ARN of a state machine", "shop-dns")
    ] = Field(description="The state machine, by name or ARN.")
    input: Payload = Field(default={}, description="Its input, besides `actionKey`.")


class EventAction(RequestModel):
    """An event on a bus of EventBridge. It may come twice with the same `actionKey`."""

    bus: Annotated[str, StringConstraints(pattern=BUS_PATTERN), Form("the name or ARN of an event bus", "default")] = (
        Field(default="default", description="The event bus.")
    )
    source: Annotated[StepText, StringConstraints(min_length=1, max_length=256), Form("text", "shop.recovery")] = Field(
        default="drs-waves", description="The source of the event."
    )
    detail_type: Annotated[StepText, StringConstraints(min_length=1, max_length=128), Form("text", "Database up")] = (
        Field(description="The detail type of the event.")
    )
    detail: Payload = Field(default={}, description="Its detail, besides `actionKey`.")

    @model_validator(mode="after")
    def _not_of_aws(self) -> Self:
        if self.source.startswith("aws."):
            raise ValueError("has a source that begins with aws. , which EventBridge keeps for AWS")
        return self


class WaitAction(RequestModel):
    """A wait of some minutes."""

    minutes: Annotated[StrictInt, Form("minutes as a whole number", 5, suggest_minutes)] = Field(
        ge=1, le=MAX_WAIT_MINUTES, description="How long to wait."
    )


class ManualAction(RequestModel):
    """A task that a person does and confirms with a comment, or rejects."""

    instructions: Annotated[
        StepText,
        StringConstraints(min_length=1, max_length=2_000),
        AfterValidator(require_no_secret),
        Form("text", "Place an order."),
    ] = Field(description="What the person does and looks at.")


_MODELS = {
    ActionKind.SSM_AUTOMATION: "ssm_automation",
    ActionKind.SSM_COMMAND: "ssm_command",
    ActionKind.LAMBDA: "lambda_",
    ActionKind.STATE_MACHINE: "state_machine",
    ActionKind.EVENT: "event",
    ActionKind.WAIT: "wait",
    ActionKind.MANUAL: "manual",
}


class ActionRequest(RequestModel):
    """An action of one kind."""

    EXAMPLE_HAS: ClassVar = ("wait",)

    name: ActionName = Field(description="The name of the action; no other action of the plan has it.")
    ssm_automation: AutomationAction | None = Field(default=None, description="Starts a runbook of Automation.")
    ssm_command: CommandAction | None = Field(
        default=None, description="Runs a document on the wave's new instances; in `after` of a wave only."
    )
    lambda_: LambdaAction | None = Field(
        default=None, alias="lambda", description="Calls a function and waits for its answer, at most 14 minutes."
    )
    state_machine: StateMachineAction | None = Field(
        default=None, description="Starts an execution of a state machine and waits for its end."
    )
    event: EventAction | None = Field(default=None, description="Puts an event on a bus of EventBridge.")
    wait: WaitAction | None = Field(default=None, description="Waits for some minutes.")
    manual: ManualAction | None = Field(default=None, description="Asks a person to do something and to confirm it.")
    account_id: AccountId | None = Field(
        default=None, description="The account to act in; without it, that of the wave, if it has only one."
    )
    region: KnownRegion | None = Field(
        default=None, description="The Region to act in; without it, that of the wave, if it has only one."
    )
    modes: Modes = Field(default=list(BOTH), description="The runs that have the action: drills, recoveries or both.")
    timeout_minutes: Annotated[StrictInt, Form("minutes as a whole number", 30, suggest_minutes)] | None = Field(
        default=None,
        ge=1,
        le=MAX_ACTION_MINUTES,
        description="How long it may take: 30 minutes without it, and a day for a manual one.",
    )
    on_failure: OnActionFailure = Field(
        default=OnActionFailure.STOP, description="What follows when it fails: the wave fails, goes on, or asks."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        kind = self._kind
        if (self.account_id is None) != (self.region is None):
            raise ValueError("names only one of accountId and region; give both or neither")
        if self.account_id and not kind.runs_in_target:
            raise ValueError(f"is of the kind {kind.value}, which acts in no account: leave accountId and region out")
        if kind is ActionKind.LAMBDA and (self.timeout_minutes or 0) > MAX_LAMBDA_MINUTES:
            raise ValueError(
                f"waits at most {MAX_LAMBDA_MINUTES} minutes for a function: set timeoutMinutes to at most "
                f"{MAX_LAMBDA_MINUTES}, or use stateMachine"
            )
        arn = self._arn
        if arn and self.account_id and arn.split(":")[3:5] != [self.region, self.account_id]:
            raise ValueError(f"acts in {self.account_id}/{self.region}, but its ARN is of another account or Region")
        return self

    @property
    def _kind(self) -> ActionKind:
        return ActionKind(only_kind(self, list(ActionKind), "an action", '{"wait": {"minutes": 5}}'))

    @property
    def _settings(self) -> dict[str, Any]:
        model = getattr(self, _MODELS[self._kind])
        settings: dict[str, Any] = model.model_dump(by_alias=True, exclude_none=True)
        return settings

    @property
    def _arn(self) -> str | None:
        """The ARN of what it starts, if it is not named otherwise."""
        named = (self._settings.get(each, "") for each in ("function", "name", "bus"))
        return next((each for each in named if each.startswith("arn:")), None)

    def to_action(self) -> Action:
        """The action to store. An ARN says where it acts, if nothing else does."""
        _, _, _, region, account_id, *_ = (self._arn or ":::::").split(":")
        kind = self._kind
        usual = {ActionKind.MANUAL: DEFAULT_MANUAL_MINUTES, ActionKind.LAMBDA: MAX_LAMBDA_MINUTES}
        minutes = usual.get(kind, DEFAULT_ACTION_MINUTES)
        if kind is ActionKind.WAIT:
            minutes = self._settings["minutes"]
        return Action(
            name=self.name,
            kind=kind,
            settings=self._settings,
            account_id=self.account_id or account_id or None,
            region=self.region or region or None,
            modes=tuple(dict.fromkeys(self.modes)),
            timeout_minutes=self.timeout_minutes or minutes,
            on_failure=self.on_failure,
        )

    def find_mistake(self, place: ActionPlace, *, of_plan: bool) -> str | None:
        """What is wrong with this action at this place: an unknown name in braces, or a kind that cannot be there."""
        has_instances = place is ActionPlace.AFTER and not of_plan
        if self.ssm_command and not has_instances:
            return "has ssmCommand, which runs on the new instances of a wave: put it into `after` of a wave"
        names = tuple(name for name in placeholders.NAMES_OF_RUN if not (of_plan and name == "wave"))
        try:
            require_known_names(self._settings, (*names, *(placeholders.NAMES_OF_INSTANCES if has_instances else ())))
        except ValueError as mistake:
            return str(mistake)
        return None


Actions = Annotated[list[ActionRequest], Field(max_length=MAX_ACTIONS)]
