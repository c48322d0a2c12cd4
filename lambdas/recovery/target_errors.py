"""The errors of calls to the services that a target has beside DRS; `recovery.errors` has their base and all others.

What passes by itself is AwsUnavailable here too, with the fact `sent`: False if the service has surely done nothing.
"""

from recovery.errors import DrsWavesError


class TargetRefused(DrsWavesError):
    """A service refuses this call for good; `facts["code"]` is its error code."""

    status = 400
    advice = "Read the message and correct the action or the check; drs-waves does not repeat the call."


class NotInTarget(DrsWavesError):
    """A document, function, state machine, bus, target group or run of one does not exist in the account and Region."""

    status = 404
    advice = "Create it in that account and Region, or correct the name in the plan."
