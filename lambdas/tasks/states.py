"""The inputs and outputs of the Task states, as the state machines pass them to the functions and get them back."""

from typing import NotRequired, TypedDict


class CaughtErrorInput(TypedDict):
    """An error that a state caught, `$states.errorOutput`."""

    Error: str
    Cause: NotRequired[str]


class TargetState(TypedDict):
    """An account and Region; both an input and part of outputs."""

    accountId: str
    region: str


class ExecutionInput(TypedDict):
    """A run. `retries` is how often Step Functions has retried the task so far."""

    executionId: str
    retries: NotRequired[int]


# --- recover-plan -----------------------------------------------------------------------------------------------
class LoadPlanOutput(TypedDict):
    """What recover-plan needs of the plan."""

    mode: str
    launchAttempts: int
    targets: list[TargetState]


class RunTargetInput(ExecutionInput, TargetState):
    """A run in one target."""


class InspectTargetOutput(TargetState):
    """Counts of servers; `done` is False when servers remain to be probed and the task has to be repeated."""

    done: bool
    servers: int
    blocked: int


class OrderedWave(TypedDict):
    """A wave and its place in the plan, from 1."""

    wave: str
    order: int


class JudgeReadinessOutput(TypedDict):
    """Whether the run may start; `dryRun` when it is a readiness run, which launches nothing."""

    ready: bool
    dryRun: bool
    waves: list[OrderedWave]


class WaveInput(ExecutionInput):
    """A wave of a run."""

    wave: str


class TargetBatches(TargetState):
    """The numbers of the batches that are left to recover in a target."""

    batches: list[int]


class StartWaveOutput(TypedDict):
    """`hold` is a WaveGate. `targets` is empty unless it is START, `timeoutSeconds` is there for an APPROVAL."""

    hold: str
    round: int
    targets: list[TargetBatches]
    timeoutSeconds: NotRequired[int]


class KeepTokenInput(WaveInput):
    """`hold` is the WaveGate at which the wave, or a batch of it, waits."""

    hold: str
    taskToken: str


class SettleWaveInput(WaveInput):
    """A round that has ended, and the errors that broke parts of the wave."""

    round: int
    errors: list[CaughtErrorInput]


class SettleWaveOutput(TypedDict):
    """The wave's status, whether it is final, and the targets that have new recovery instances."""

    status: str
    final: bool
    targets: list[TargetState]


class FinishExecutionInput(ExecutionInput):
    """`error` is what broke the run, if anything did."""

    error: NotRequired[CaughtErrorInput | None]


class VerdictOutput(TypedDict):
    """A final status with its reason."""

    status: str
    reason: str


class StateChangeDetail(TypedDict):
    """Of an EventBridge event: the execution's name, which is the id of the run, and its status."""

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
    """A batch of a wave in one target, and how the run launches it."""

    batch: int
    mode: str
    launchAttempts: int


class CheckCapacityInput(BatchInput):
    """`asked` is how often the batch has checked its capacity before."""

    asked: int


class CapacityOutput(TypedDict):
    """`granted` when the job has its capacity for `attempt`; `paused` when the run is paused."""

    granted: bool
    paused: bool
    attempt: int
    waitSeconds: int
    asked: int


class StartRecoveryInput(BatchInput):
    """The attempt whose job is to be started."""

    attempt: int


class PollJobInput(BatchInput):
    """The job to poll, and how long such a job takes."""

    jobId: str
    expectedSeconds: int


class SettleBatchInput(BatchInput):
    """The job that was polled, and the error that ended the attempt, if any."""

    jobId: str | None
    error: CaughtErrorInput | None


class JobOutput(TypedDict):
    """A job that was started or polled; no `jobId` when there was nothing to do."""

    jobId: str | None
    finished: bool
    waitSeconds: int
    expectedSeconds: int


class SettleBatchOutput(TypedDict):
    """What is left to do: servers to try again, or a job that is still running and has to be polled further."""

    serversToRetry: int
    follow: JobOutput | None


class TellOperatorsInput(BatchInput):
    """The state that failed, its last error, and its attempts."""

    task: str
    error: CaughtErrorInput
    attempts: NotRequired[int]


# --- clean-up-drill ---------------------------------------------------------------------------------------------
class CleanupInput(ExecutionInput):
    """A clean-up; `machine` is the name of its state machine execution."""

    machine: str


class ChunkState(TargetState):
    """The number of a chunk in its target."""

    chunk: int


class FindInstancesOutput(TypedDict):
    """The number of the clean-up, and its chunks."""

    run: int
    chunks: list[ChunkState]


class ChunkInput(ExecutionInput, ChunkState):
    """A chunk of a clean-up."""

    run: int


class LeaseCapacityInput(ChunkInput):
    """`asked` is how often the chunk has checked its capacity before."""

    asked: int


class PollTerminationInput(ChunkInput):
    """The job to poll."""

    jobId: str


class ForgetInstancesInput(ChunkInput):
    """The error that ended the chunk, if any."""

    error: CaughtErrorInput | None


class ForgetInstancesOutput(TypedDict):
    """How many instances are gone and how many are not, or a job that is still running."""

    terminated: int
    failed: int
    follow: JobOutput | None


class FinishCleanupInput(CleanupInput):
    """The errors that broke parts of the clean-up."""

    errors: list[CaughtErrorInput]


# --- sync-cache -------------------------------------------------------------------------------------------------
class ListTargetsInput(TypedDict):
    """The targets to sync; every target when there is none."""

    targets: NotRequired[list[TargetState]]


class ListTargetsOutput(TypedDict):
    """The targets to sync, and when the sync began."""

    beganAt: str
    targets: list[TargetState]


class SyncFailure(TargetState):
    """A target that was not synced, and why."""

    error: CaughtErrorInput


class RecordSyncInput(TypedDict):
    """A sync that has ended: of how many targets, and which of them failed."""

    beganAt: str
    targets: int
    failures: list[SyncFailure]


class RecordSyncOutput(TypedDict):
    """How many targets failed."""

    failed: int
