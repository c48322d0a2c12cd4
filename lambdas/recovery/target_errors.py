"""The errors of calls to the services that a target has beside DRS, and of launch settings there.

`recovery.errors` has their base and all others.

What passes by itself is AwsUnavailable here too, with the fact `sent`: False if the service has surely done nothing.
"""

from recovery.errors import DrsWavesError, Transient


class TargetRefused(DrsWavesError):
    """A service refuses this call for good; `facts["code"]` is its error code."""

    status = 400
    advice = "Read the message and correct the action or the check; drs-waves does not repeat the call."


class NotInTarget(DrsWavesError):
    """A document, function, state machine, bus, target group or run of one does not exist in the account and Region."""

    status = 404
    advice = "Create it in that account and Region, or correct the name in the plan."


class SettingsNotApplied(Transient):
    """The launch profiles of a batch were not applied for its attempt: the run was paused when they would have been."""

    status = 409
    advice = "The state machine applies them, and then starts the job."
