"""Every error drs-waves raises on purpose, in one tree.

The class names are part of the product: the state machines catch and retry by them, and the API maps each to
an HTTP status and a piece of advice. Rename one and the ASL has to follow (a test holds the two together).
"""

import re
from typing import Any


class DrsWavesError(Exception):
    """Base of the tree. `status` is the HTTP status, `advice` what the reader can do about it."""

    status = 500
    advice = "Look at the function's log with the correlation id; report it if it comes back."

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    @classmethod
    def title(cls) -> str:
        """The name in words, as RFC 9457 wants it: the same for every error of the class."""
        return re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__).capitalize()


# --- what people sent -------------------------------------------------------------------------------------------
class InvalidRequest(DrsWavesError):
    """400. `problems` lists `{"field": "waves[1].dependsOn", "message": "..."}`, one per thing that is wrong."""

    status = 400
    advice = "Correct the fields listed under problems and send the request again; nothing was stored."

    def __init__(self, message: str, problems: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or []


class NotFound(DrsWavesError):
    """404."""

    status = 404
    advice = "Check the id; list the resources to see which exist."


class PlanNotFound(NotFound):
    """No recovery plan has this id."""


class GroupNotFound(NotFound):
    """No protection group has this id."""


class ExecutionNotFound(NotFound):
    """No execution has this id."""


class WaveNotFound(NotFound):
    """The run has no wave of this name."""

    advice = "Read the execution; it names its waves."


class JobNotFound(NotFound):
    """No batch of the run has had this job."""

    advice = "Read the execution; its batches name their jobs."


class AccountNotFound(NotFound):
    """No target account of this id is registered."""


class Conflict(DrsWavesError):
    """409: the request is sound but the state of things does not allow it now."""

    status = 409
    advice = "Read the resource again and decide."


class PlanAlreadyRunning(Conflict):
    """A plan has one run at a time; `facts["executionId"]` names the one that is on."""

    advice = "Wait for the running execution to end or cancel it, then start again."


class IdempotencyConflict(Conflict):
    """The caller's Idempotency-Key came with another body before; `facts["executionId"]` is what that was for."""

    advice = "Use a new Idempotency-Key for a new request, and the same key only to send the same request again."


class DecisionRefused(Conflict):
    """What was decided is not what the run or wave waits for: decided before, too late, or for another wave."""

    advice = "Read the execution: waitingFor says what it waits for, if anything. Nothing was changed."


class NothingToContinue(Conflict):
    """The run is still on, or launched everything, or never meant to launch anything."""

    advice = "Read the execution; start a new run of the plan if servers are to be launched again."


class VersionConflict(Conflict):
    """Somebody has written the resource since it was read; `facts["version"]` is the version it has now."""

    advice = "Read the resource again, make your change to that, and send it with its version."


class GroupInUse(Conflict):
    """Plans use the group, or servers that it would lose; `facts["recoveryPlans"]` names them."""

    advice = "Take the group, or those servers of it, out of these recovery plans first."


class PlanInUse(Conflict):
    """A plan that runs is not deleted; `facts["executionId"]` names the run."""

    advice = "Wait for the running execution to end or cancel it, then delete the plan."


class AccountInUse(Conflict):
    """Protection groups have servers in the account; `facts["protectionGroups"]` names them."""

    advice = "Delete these protection groups first, or leave the account registered."


class AccountAlreadyRegistered(Conflict):
    """The account is registered, and not in this way."""

    advice = "Read the account and change it with PUT."


class NotADrill(Conflict):
    """Instances of a recovery are the business itself: nothing here terminates them."""

    advice = "Only drills are cleaned up. Terminate instances of a recovery in the DRS console, if that is meant."


class ExecutionStillRunning(Conflict):
    """A drill is cleaned up when it has ended."""

    advice = "Wait for the execution to end, then clean up."


class CleanupRunning(Conflict):
    """A drill has one clean-up at a time; `facts["cleanup"]` names the one that is on."""

    advice = "Read the clean-up of the execution; start it again when that one has ended."


class StartFailed(DrsWavesError):
    """503: Step Functions refused the start or did not answer it."""

    status = 503
    advice = (
        "Read GET /executions for the plan; if the run is not on, start it again. An Idempotency-Key makes it safe."
    )


class Transient(DrsWavesError):
    """It passes by itself: the state machine waits, asks again, and never fails a server for it."""

    advice = "Nothing to do: the state machine waits and asks again."


# --- what DRS and AWS answered ----------------------------------------------------------------------------------
class DrsThrottled(Transient):
    """DRS answered ThrottlingException, or another of its ways to say: not so fast."""

    status = 429


class DrsUnavailable(Transient):
    """DRS answered 5xx, or did not answer."""

    status = 503
    advice = "Nothing to do: the state machine waits and asks again. If it lasts, see AWS Health."


class ServerBusy(Transient):
    """ConflictException: a server is in another DRS job. Wait and ask again; it is not a failure."""

    status = 409
    advice = "Nothing to do: the state machine waits until the other job has ended."


class QuotaExceeded(Transient):
    """ServiceQuotaExceededException: more jobs or servers in jobs than the account and Region allow."""

    status = 429
    advice = "Nothing to do: the state machine waits for a free slot. Ask for a higher DRS quota if it happens often."


class DrsRefused(DrsWavesError):
    """DRS will never accept this call as it is: validation, unknown resource."""

    status = 400
    advice = "Read the message; the call will not be repeated as it is."


class TargetAccessDenied(DrsWavesError):
    """The target account refused the role or the role refused the call."""

    status = 403
    advice = "Check the target account's role: its trust policy, external id and permissions."


class TargetNotInitialized(DrsWavesError):
    """UninitializedAccountException: DRS was never set up in this account and Region."""

    status = 409
    advice = "Set up DRS in that account and Region, or take the target out of the plan."


class TargetNotRegistered(DrsWavesError):
    """No row in target-accounts for this account."""

    status = 409
    advice = "Register the account with its role and external id first."


class AwsUnavailable(Transient):
    """DynamoDB, STS or Step Functions throttled, failed or did not answer."""

    status = 503


class TargetTooSlow(Transient):
    """An account and Region that had not answered by the time the caller had to be."""

    status = 503
    advice = "Ask again; if it lasts, see AWS Health for the Region."


class LateMessage(DrsWavesError):
    """A task came so late, or so often, that what it is about has moved on. Nothing was changed."""

    status = 409
    advice = "Nothing to do: the record is as it should be."


class RateBudgetExhausted(Transient):
    """Our own budget of calls to the target is taken for the next seconds."""

    status = 429
    advice = "Nothing to do: the state machine waits and asks again. Raise CallsPerSecond if it happens all the time."


class CircuitOpen(Transient):
    """The target has not been answering, and is left alone for a while."""

    status = 503
    advice = "Nothing to do: drs-waves asks again by itself. If it lasts, see AWS Health for the Region."


class RetryExhausted(Transient):
    """Short retries within one function were not enough; facts: `operation`, `attempts`, `cause`."""

    status = 503
    advice = "Nothing to do: the state machine waits and asks again. If it lasts, see AWS Health for the Region."


# --- what a run came to -----------------------------------------------------------------------------------------
class RunHalted(DrsWavesError):
    """The run was cancelled or has ended, so no further batch of it starts."""

    status = 409
    advice = "Nothing to do: what runs is followed to its end. Continue the run to recover the rest."


class RunPaused(Transient):
    """The run was paused after the batch's attempt had begun, and before it had a job."""

    status = 409
    advice = "Nothing to do: the batch waits until the run is resumed."


class CapacityTimeout(DrsWavesError):
    """No slot in DRS's quotas became free for the configured time."""

    status = 503
    advice = "See which jobs hold the quota (GET /executions?status=POLLING and the DRS console); start again later."
