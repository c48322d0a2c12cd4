"""Every error that drs-waves raises on purpose, but those of `drill_errors` and `target_errors`.

    DrsWavesError
    ├── InvalidRequest
    ├── NotFound
    │   └── PlanNotFound, GroupNotFound, ExecutionNotFound, WaveNotFound, ActionNotFound, JobNotFound, AccountNotFound
    ├── Conflict                   the request is valid, but not in this state
    │   ├── PlanAlreadyRunning, IdempotencyConflict, DecisionRefused, NothingToContinue, AlreadyContinued, GroupInUse
    │   ├── VersionConflict, PlanInUse, AccountInUse, AccountAlreadyRegistered
    │   └── NotADrill, ExecutionStillRunning, CleanupRunning
    ├── Transient                  passes by itself: state machines wait and retry
    │   ├── DrsThrottled, DrsUnavailable, ServerBusy, QuotaExceeded, StartUnanswered, RunPaused
    │   └── AwsUnavailable, TargetTooSlow, RateBudgetExhausted, CircuitOpen, RetryExhausted
    ├── DrsRefused, JobNotVisible, TargetAccessDenied, TargetNotInitialized, TargetNotRegistered, RegionNotEnabled
    └── StartFailed, LateMessage, RunHalted, NothingToLaunch, JobTooLarge

The class names are part of the product: state machines catch and retry by them, and the API maps each to an HTTP
status and a piece of advice. A test compares the names here with those in the state machines.
"""

import re
from typing import Any


class DrsWavesError(Exception):
    """The base class. `status` is the HTTP status; `advice` is what the reader can do, in general or in this case."""

    status = 500
    advice = "Search the function's log for the correlation id; report the error if it returns."

    def __init__(self, message: str, *, advice: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message, self.facts = message, facts
        self.advice = advice or self.advice

    @classmethod
    def title(cls) -> str:
        """The class name in words. RFC 9457 requires one title per type of problem."""
        return re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__).capitalize()


class Transient(DrsWavesError):
    """A fault that passes without intervention: the state machine retries, and no server fails because of it."""

    advice = "Nothing to do: the state machine waits and tries again."


class InvalidRequest(DrsWavesError):
    """400. `problems` lists `{"field": "waves[1].dependsOn", "message": "..."}`, one per mistake."""

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


class ActionNotFound(NotFound):
    """The plan of the run has no action of this name."""


class JobNotFound(NotFound):
    """No batch of the run has had this job."""

    advice = "Read the execution; its batches name their jobs."


class AccountNotFound(NotFound):
    """No target account of this id is registered."""


class Conflict(DrsWavesError):
    """409: the request is valid, but the current state does not allow it."""

    status = 409
    advice = "Read the resource again and decide."


class PlanAlreadyRunning(Conflict):
    """A plan has one run at a time; `facts["executionId"]` names the running one."""

    advice = "Wait for the running execution to end or cancel it, then start again."


class IdempotencyConflict(Conflict):
    """The caller sent this Idempotency-Key with another body; `facts["executionId"]` names that request's execution."""

    advice = "Use a new Idempotency-Key for a new request, and the same key only to send the same request again."


class DecisionRefused(Conflict):
    """The run or wave does not wait for this decision: it was made, is too late, for another wave or person."""

    advice = "Read the execution: waitingFor lists what it waits for. Nothing was changed."


class NothingToContinue(Conflict):
    """The run is still open, has launched all servers, or was a readiness run."""

    advice = "Read the execution; start a new run of the plan if servers are to be launched again."


class AlreadyContinued(Conflict):
    """A run is continued once; `facts["executionId"]` names the last run of its chain, the one to continue."""


class VersionConflict(Conflict):
    """The resource has changed since it was read; `facts["version"]` is its version now."""

    advice = "Read the resource again, make your change to that, and send it with its version."


class GroupInUse(Conflict):
    """The change would affect plans that use the group; `facts["recoveryPlans"]` names them."""

    advice = "Take its servers out of these plans first, or send changeTarget: true to move the group for all of them."


class PlanInUse(Conflict):
    """A running plan cannot be deleted; `facts["executionId"]` names the run."""

    advice = "Wait for the running execution to end or cancel it, then delete the plan."


class AccountInUse(Conflict):
    """Protection groups have servers in the account; `facts["protectionGroups"]` names them."""

    advice = "Delete these protection groups first, or leave the account registered."


class AccountAlreadyRegistered(Conflict):
    """The account is registered with other values."""

    advice = "Read the account and change it with PUT."


class NotADrill(Conflict):
    """The execution is a recovery. drs-waves never terminates instances of a recovery."""

    advice = "Only drills are cleaned up. If you mean to terminate instances of a recovery, use the DRS console."


class ExecutionStillRunning(Conflict):
    """A drill can be cleaned up only after it, and every run that continues it, has ended."""

    advice = "Wait for the execution to end, then clean up."


class CleanupRunning(Conflict):
    """A chain of drills has one clean-up at a time, and is not continued meanwhile; `facts["cleanup"]` names it."""

    advice = "Read the clean-up of the execution, and send the request again when it has ended."


class StartFailed(DrsWavesError):
    """503: Step Functions refused the start or did not answer it."""

    status = 503
    advice = "Check GET /executions?planId=... If the run is missing, send the start again with an Idempotency-Key."


class DrsThrottled(Transient):
    """DRS answered ThrottlingException or another throttling error."""

    status = 429


class DrsUnavailable(Transient):
    """DRS answered 5xx or nothing. Facts: `sent` is False if it did not get the call, `slow` True if it takes long."""

    status = 503
    advice = "Nothing to do: the state machine waits and tries again. If it lasts, see AWS Health."


class ServerBusy(Transient):
    """ConflictException: as a rule a server, `facts["resource"]` if DRS names it, is in another DRS job."""

    status = 409
    advice = "Nothing to do: the state machine waits until the other job has ended."


class QuotaExceeded(Transient):
    """ServiceQuotaExceededException: more jobs or servers in jobs than the account and Region allow."""

    status = 429
    advice = "Nothing to do: the state machine waits for a free slot. If it is frequent, spread servers over accounts."


class StartUnanswered(Transient):
    """StartRecovery was not answered, and its job may still appear; a second call could launch the servers twice."""

    status = 503
    advice = "Nothing to do: drs-waves looks for the job for some minutes before it calls StartRecovery again."


class DrsRefused(DrsWavesError):
    """DRS refuses this call for good: it is not valid, or names an unknown resource."""

    status = 400
    advice = "Read the message; drs-waves does not repeat the call."


class JobNotVisible(DrsWavesError):
    """DescribeJobs does not show a job. A new one can take a while to appear."""

    status = 404
    advice = "Look for the job in the DRS console."


class TargetAccessDenied(DrsWavesError):
    """The role cannot be assumed, or it does not permit the call."""

    status = 403
    advice = "Check the target account's role: its trust policy, external id and permissions."


class RegionNotEnabled(DrsWavesError):
    """An opt-in Region refused credentials that were just issued: the account has probably not enabled the Region."""

    status = 409
    advice = "Enable the Region in the account (aws account enable-region), or take the target out of the plan."


class TargetNotInitialized(DrsWavesError):
    """UninitializedAccountException: DRS is not set up in this account and Region."""

    status = 409
    advice = "Set up DRS in that account and Region, or take the target out of the plan."


class TargetNotRegistered(DrsWavesError):
    """The account is not registered as a target account."""

    status = 409
    advice = "Register the account with its role and external id first."


class AwsUnavailable(Transient):
    """DynamoDB, STS or Step Functions throttled, failed or did not answer."""

    status = 503


class TargetTooSlow(Transient):
    """A target did not answer within the time of the request."""

    status = 503
    advice = "Send the request again. If it lasts, see AWS Health for the Region."


class RateBudgetExhausted(Transient):
    """The rate limit of calls to the target is used up for the next seconds."""

    status = 429
    advice = "Nothing to do: the state machine waits and tries again. Raise CallsPerSecond if it happens often."


class CircuitOpen(Transient):
    """The target did not answer several calls in a row, so calls pause for a while."""

    status = 503
    advice = "Nothing to do: drs-waves tries again by itself. If it lasts, see AWS Health for the Region."


class RetryExhausted(Transient):
    """The short retries within one function failed; facts: `operation`, `attempts`, `cause`."""

    status = 503
    advice = "Nothing to do: the state machine waits and tries again. If it lasts, see AWS Health for the Region."


class LateMessage(DrsWavesError):
    """A repeated or late task: the record has moved past it. Nothing was changed."""

    status = 409
    advice = "Nothing to do: the record is right."


class RunHalted(DrsWavesError):
    """The run is cancelled or has ended, so no further batch starts."""

    status = 409
    advice = "Nothing to do: running jobs are followed to their end. Continue the run to recover the rest."


class NothingToLaunch(DrsWavesError):
    """No server of the batch may be launched now; the record has the reason for each."""

    status = 409
    advice = "Read the servers of the execution: each has its reason."


class RunPaused(Transient):
    """The run was paused after the batch's attempt began and before it had a job."""

    status = 409
    advice = "Nothing to do: the batch waits until the run is resumed."


class JobTooLarge(DrsWavesError):
    """A job has more servers than DRS's quota of servers in jobs, so that there is never room for them."""

    status = 503
    advice = "Lower SERVERS_PER_JOB of the functions to the quota of servers in jobs, and start again."
