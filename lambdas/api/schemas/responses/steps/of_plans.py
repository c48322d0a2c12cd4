"""Checks and actions of plans, as the API shows them."""

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from recovery.domain.wave_steps.actions import OnActionFailure
from recovery.domain.wave_steps.modes import RunMode


def _text(description: str) -> Any:
    return Field(description=description)


# `in` is a word of Python's, so these are not written as classes.
_MODES = Annotated[list[RunMode], _text("The runs that have it; left out, drills and recoveries.")]
_SETTINGS = dict[str, Any]

Check = TypedDict(
    "Check",
    {
        "boot": NotRequired[Annotated[_SETTINGS, _text("EC2's status checks pass; it has no settings.")]],
        "postLaunchActions": NotRequired[
            Annotated[_SETTINGS, _text("The launch actions of DRS have succeeded; it has no settings.")]
        ],
        "agent": NotRequired[
            Annotated[_SETTINGS, _text("The agent of Systems Manager is online; it has no settings.")]
        ],
        "tcp": NotRequired[Annotated[_SETTINGS, _text("A port accepts connections.")]],
        "http": NotRequired[Annotated[_SETTINGS, _text("A request is answered with the expected status.")]],
        "command": NotRequired[Annotated[_SETTINGS, _text("A document of Run Command succeeds.")]],
        "targetGroup": NotRequired[
            Annotated[str, _text("The ARN of a target group in which Elastic Load Balancing finds the server healthy.")]
        ],
        "successes": NotRequired[Annotated[int, _text("How often in a row it has to pass; left out, once.")]],
        "in": NotRequired[_MODES],
    },
)
Check.__doc__ = "A check of launched servers: of one kind, with its settings."

Action = TypedDict(
    "Action",
    {
        "name": Annotated[str, _text("The name of the action, which no other action of the plan has.")],
        "ssmAutomation": NotRequired[Annotated[_SETTINGS, _text("The runbook of Automation that it starts.")]],
        "ssmCommand": NotRequired[Annotated[_SETTINGS, _text("The document that it runs on the new instances.")]],
        "lambda": NotRequired[Annotated[_SETTINGS, _text("The function that it calls.")]],
        "stateMachine": NotRequired[Annotated[_SETTINGS, _text("The state machine that it starts.")]],
        "event": NotRequired[Annotated[_SETTINGS, _text("The event that it sends.")]],
        "wait": NotRequired[Annotated[_SETTINGS, _text("How long it waits.")]],
        "manual": NotRequired[Annotated[_SETTINGS, _text("What a person does and confirms.")]],
        "accountId": NotRequired[Annotated[str, _text("The account that it acts in; left out, that of the wave.")]],
        "region": NotRequired[Annotated[str, _text("The Region that it acts in; left out, that of the wave.")]],
        "in": NotRequired[_MODES],
        "timeoutMinutes": Annotated[int, _text("How long it may take.")],
        "onFailure": Annotated[OnActionFailure, _text("What follows when it fails.")],
    },
)
Action.__doc__ = "An action before or after a wave or the plan: of one kind, with its settings."
