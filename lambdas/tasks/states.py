"""The inputs of the Task states, and those outputs that have no class of their own.

The other outputs are defined beside the `to_state` that writes them, such as TargetState, JobState and CapacityState.
"""

from typing import NotRequired, TypedDict

from recovery.domain.polling import JobState
from recovery.domain.target import TargetState


class CaughtErrorState(TypedDict):
    """An error that a state caught: `$states.errorOutput`."""

    Error: str
    Cause: NotRequired[str]


class ExecutionInput(TypedDict):
    """A run. `retries` is how often Step Functions has retried the task so far."""

    executionId: str
    retries: NotRequired[int]


class ClosedRecord(TypedDict):
    """The final status of a run or of a clean-up, with its reason."""

    status: str
    reason: str


# --- recover-plan -----------------------------------------------------------------------------------------------
class LoadPlanOutput(TypedDict):
    """What recover-plan needs of the plan."""

    launchAttempts: int
    targets: list[TargetState]


class InspectTargetInput(ExecutionInput, TargetState):
    """A target of a run, and the wave that waits for it, if one does. `batch` is one whose job runs: it reads ahead."""

    wave: NotRequired[str]
    batch: NotRequired[int]


class InspectTargetOutput(TargetState):
    """Counts of servers, and the batches that the wave has left to recover, if one was given.

    `done` is False when servers remain to be probed and the task has to be repeated.
    """

    done: bool
    servers: int
    blocked: int
    batches: list[int]


class UninspectedTarget(TargetState, CaughtErrorState):
    """A target that did not answer, and the last error."""


class JudgeReadinessInput(ExecutionInput):
    """A run, and its targets that were not inspected."""

    uninspected: NotRequired[list[UninspectedTarget]]


class OrderedWave(TypedDict):
    """A wave and its place in the plan, from 1."""

    wave: str
    order: int


class JudgeReadinessOutput(TypedDict):
    """`ready` when the run may start, `dryRun` when it is a readiness run, which launches nothing.

    `actionsBefore` and `actionsAfter` say whether the plan has actions of its own. `reserveIn` has the targets in which
    the run reserves capacity.
    """

    ready: bool
    dryRun: bool
    waves: list[OrderedWave]
    reserveIn: list[TargetState]
    actionsBefore: bool
    actionsAfter: bool


class WaveInput(ExecutionInput):
    """A wave of a run."""

    wave: str


class StartWaveInput(WaveInput):
    """Whether the state machine has waited for an approval until its deadline."""

    approvalTimedOut: bool


class KeepTokenInput(WaveInput):
    """`gate` is the WaveGate at which the wave, or a batch of it, waits."""

    gate: str
    taskToken: str


class SettleWaveInput(WaveInput):
    """A turn that has ended, the errors that broke parts of the wave, and the steps that were done: CHECKS, ACTIONS.

    Runs that began before an upgrade have neither `turn` nor `done`.
    """

    round: int
    turn: NotRequired[int]
    done: NotRequired[list[str]]
    errors: list[CaughtErrorState]


class FinishExecutionInput(ExecutionInput):
    """`error` is what broke the run, if anything did."""

    error: NotRequired[CaughtErrorState | None]


class StateChangeDetail(TypedDict):
    """The name of a state machine execution, which is the id of the run, and its status."""

    name: str
    status: str


class StateChangeEvent(TypedDict):
    """EventBridge's "Step Functions Execution Status Change"."""

    detail: StateChangeDetail


class CloseExecutionOutput(TypedDict):
    """Whether this task closed the record."""

    closed: bool


# --- recover-target ---------------------------------------------------------------------------------------------
class BatchInput(WaveInput, TargetState):
    """A batch of a wave in one target, and how to launch it. Runs that began before an upgrade have no `round`."""

    batch: int
    launchAttempts: int
    round: NotRequired[int]


class CheckCapacityInput(BatchInput):
    """How often the batch has checked its capacity before."""

    capacityChecks: int


class StartRecoveryInput(BatchInput):
    """The attempt whose job is to be started."""

    attempt: int


class PollJobInput(BatchInput):
    """The job to poll, and how long such a job is expected to take."""

    jobId: str
    expectedSeconds: int


class SettleBatchInput(BatchInput):
    """The attempt, the job that was polled, and the error that ended the attempt, if any.

    `attempt` is None if no check of the capacity was answered. Runs that began before an upgrade do not have it.
    """

    attempt: NotRequired[int | None]
    jobId: str | None
    error: CaughtErrorState | None


class NotifyOperatorsInput(WaveInput, TargetState):
    """The state that failed, its last error, how many attempts it made, and how many seconds it waits now.

    `batch` is missing if it is of no batch. Runs that began before an upgrade have no `waitSeconds`.
    """

    batch: NotRequired[int]
    task: str
    error: CaughtErrorState
    attempts: NotRequired[int]
    waitSeconds: NotRequired[int]


# --- clean-up-drill ---------------------------------------------------------------------------------------------
class CleanupInput(ExecutionInput):
    """A clean-up; `machine` is the name of its state machine execution."""

    machine: str


class ChunkState(TargetState):
    """The number of a chunk in its target."""

    chunk: int


class FindInstancesInput(CleanupInput):
    """Whether the machine has searched as often as it does, so that a job that still runs is not waited for."""

    isLastTry: bool


class FindInstancesOutput(TypedDict):
    """The number of the clean-up and its open chunks, with the run whose record has them.

    `isIncomplete` when targets gave no answer that may give one later.
    """

    executionId: str
    run: int
    chunks: list[ChunkState]
    isIncomplete: bool


class ChunkInput(ExecutionInput, ChunkState):
    """A chunk of a clean-up."""

    run: int


class LeaseCapacityInput(ChunkInput):
    """How often the chunk has checked its capacity before."""

    capacityChecks: int


class PollTerminationInput(ChunkInput):
    """The job to poll."""

    jobId: str


class ForgetInstancesInput(ChunkInput):
    """The error that ended the chunk, if any."""

    error: CaughtErrorState | None


class ForgetInstancesOutput(TypedDict):
    """How many instances are gone and how many are not. `follow` is a job that is still running.

    `waits` is True if others were in a conflict, and need a job of their own.
    """

    terminated: int
    failed: int
    follow: JobState | None
    waits: bool


class FinishCleanupInput(CleanupInput):
    """The errors that broke parts of the clean-up."""

    errors: list[CaughtErrorState]


# --- sync-cache -------------------------------------------------------------------------------------------------
class SyncInput(TypedDict):
    """The name of the sync, which is that of its state machine execution. Machines of earlier versions send none."""

    sync: NotRequired[str]


class ListTargetsInput(SyncInput):
    """The targets to sync; every target when there is none."""

    targets: NotRequired[list[TargetState]]


class ListTargetsOutput(TypedDict):
    """The targets to sync, and when the sync began. `isAlone` is False if another sync of all targets is running."""

    beganAt: str
    targets: list[TargetState]
    isAlone: bool


class SyncCacheInput(SyncInput, TargetState):
    """A target to sync."""


class SyncFailure(TargetState):
    """A target that was not synced, and why."""

    error: CaughtErrorState


class RecordSyncInput(SyncInput):
    """A sync that has ended: when it began, how many targets it had, and which of them failed."""

    beganAt: str
    targets: int
    failures: list[SyncFailure]


class RecordSyncOutput(TypedDict):
    """How many targets failed."""

    failed: int
