"""What the API answers, field by field: the models behind its OpenAPI document.

Nothing that answers a request imports them; tests hold the real answers of every route against them. A field with a
default may be missing, one without is always there, if only as null.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from recovery.domain.execution import ExecutionStatus, Mode, ServerStatus, WaveStatus
from recovery.domain.plan import OnFailure, OnTimeout, RunAfter
from recovery.domain.reachability import ReachabilityStatus


class ResponseModel(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, strict=True)


class PageModel(ResponseModel):
    next_token: str | None = Field(description="Null on the last page.")


class Versioned(ResponseModel):
    """What people keep; its version is its ETag too."""

    version: int


# --- what people keep -------------------------------------------------------------------------------------------
class TargetAccount(Versioned):
    """A target account, without its external id."""

    account_id: str
    name: str
    role_arn: str
    regions: list[str]


class TargetAccounts(PageModel):
    """A page of target accounts."""

    target_accounts: list[TargetAccount]


class RegionReachability(ResponseModel):
    """How a Region of an account stands."""

    region: str
    status: ReachabilityStatus
    message: str | None
    advice: str | None


class Verification(ResponseModel):
    """Whether an account can be reached; `ok` when each of its Regions can."""

    account_id: str
    ok: bool
    regions: list[RegionReachability]


class ProtectionGroup(Versioned):
    """A protection group; it has either `sourceServerIds` or `tags`."""

    group_id: str
    name: str
    description: str
    account_id: str
    region: str
    source_server_ids: list[str] = []
    tags: dict[str, str] = {}
    used_by: list[str] = Field(description="Ids of the plans that use it.")


class ProtectionGroups(PageModel):
    """A page of protection groups."""

    protection_groups: list[ProtectionGroup]


class GroupUse(ResponseModel):
    """A group in a wave; without `sourceServerIds` the whole of it."""

    group_id: str
    source_server_ids: list[str] = []
    optional: bool = False


class Approval(ResponseModel):
    """What a wave waits for before it starts."""

    required: bool
    timeout_minutes: int
    on_timeout: OnTimeout


class PlanWave(ResponseModel):
    """A wave of a plan, its `dependsOn` written out."""

    name: str
    groups: list[GroupUse]
    depends_on: list[str]
    run_after: RunAfter
    max_failed_percent: int
    on_failure: OnFailure
    approval: Approval | None = None
    pause_before: bool = False
    rto_target_minutes: int | None = None


class RecoveryPlan(Versioned):
    """A recovery plan; `activeExecutionId` names the run that is on."""

    plan_id: str
    name: str
    description: str
    launch_attempts: int
    rpo_target_minutes: int | None = None
    rto_target_minutes: int | None = None
    clean_up_after_hours: int | None = None
    waves: list[PlanWave]
    active_execution_id: str | None


class DrillInstances(ResponseModel):
    """What drills of a plan have left running; `since` is the oldest launch."""

    count: int
    since: str | None
    executions: list[str]


class RecoveryPlanRead(RecoveryPlan):
    """A recovery plan, with what its drills have left running."""

    drill_instances: DrillInstances


class RecoveryPlans(PageModel):
    """A page of recovery plans."""

    recovery_plans: list[RecoveryPlan]


# --- runs -------------------------------------------------------------------------------------------------------
class ExecutionSummary(ResponseModel):
    """A run, as lists show it."""

    execution_id: str
    plan_id: str
    plan_name: str
    mode: Mode
    status: ExecutionStatus
    reason: str | None
    requested_at: str
    requested_by: str
    started_at: str | None
    ended_at: str | None


class Executions(PageModel):
    """A page of runs, newest first."""

    executions: list[ExecutionSummary]


class ServerCounts(ResponseModel):
    """How many servers came to what; what no number but `total` counts is still to come."""

    total: int
    launched: int
    failed: int
    excluded: int
    launching: int


class WaitingFor(ResponseModel):
    """Something that waits for people, and the requests that answer it."""

    wave: str | None
    for_: Literal["APPROVAL", "DECISION", "RESUME"] = Field(alias="for")
    since: str | None
    until: str | None = None
    answers: list[str]


class Decision(ResponseModel):
    """Who decided what, and when; `wave` is null for what was said of the whole run."""

    wave: str | None
    decision: str
    by: str
    at: str
    comment: str


class Progress(ResponseModel):
    """How many waves there are, and how many have ended."""

    waves: int
    waves_ended: int


class ExecutionWave(ResponseModel):
    """A wave of a run."""

    name: str
    order: int
    status: WaveStatus
    depends_on: list[str]
    started_at: str | None
    ended_at: str | None
    reason: str | None
    rto_target_minutes: int | None
    round: int
    duration_seconds: int | None
    servers: ServerCounts


class Job(ResponseModel):
    """A DRS job that a batch has had, ended."""

    attempt: int
    job_id: str
    started_at: str | None
    ended_at: str | None = None
    launched: int
    failed: int
    orphaned: bool | None = Field(default=None, description="Started as the run was closed; no batch polls it.")


class Batch(ResponseModel):
    """At most 100 servers of a wave in one account and Region: one DRS job for each attempt."""

    wave: str
    account_id: str
    region: str
    batch: int
    status: str
    attempt: int | None
    job_id: str | None
    started_at: str | None
    job_started_at: str | None
    ended_at: str | None
    reason: str | None
    servers: int
    jobs: list[Job]


class Execution(ExecutionSummary):
    """A run with its waves and batches; its servers are counted here and listed elsewhere."""

    point_in_time: str | None
    continues: str | None
    continued_by: str | None
    cancelled_by: str | None = Field(description="Who called the run off.")
    stop_reason: str | None = Field(description="Why no further wave starts.")
    rpo_target_minutes: int | None
    rto_target_minutes: int | None
    execution_arn: str
    duration_seconds: int | None
    servers: ServerCounts
    progress: Progress
    waiting_for: list[WaitingFor]
    decisions: list[Decision]
    notes: list[str]
    waves: list[ExecutionWave]
    batches: list[Batch]


class Server(ResponseModel):
    """A source server in a run."""

    source_server_id: str
    hostname: str | None
    wave: str
    account_id: str
    region: str
    readiness: str | None
    snapshot_id: str | None
    snapshot_at: str | None
    recovery_instance_id: str | None
    ended_at: str | None
    optional: bool
    warnings: list[str]
    status: ServerStatus
    job_id: str | None
    reason: str | None


class Servers(PageModel):
    """A page of the servers of a run."""

    servers: list[Server]


class Event(ResponseModel):
    """Something that happened in a run."""

    at: str
    event: str
    wave: str | None
    text: str


class Events(PageModel):
    """A page of what happened in a run, oldest first."""

    events: list[Event]


class JobLogItem(ResponseModel):
    """An entry of a job's log, as DRS has it."""

    event: str | None = None
    log_date_time: str | None = None
    event_data: dict[str, Any] | None = Field(default=None, description="DRS's own: see DescribeJobLogItems.")


class JobLog(PageModel):
    """A page of the log of a job."""

    job_log: list[JobLogItem]


# --- recovery instances -----------------------------------------------------------------------------------------
class RecoveryInstance(ResponseModel):
    """A recovery instance, as the cache has it."""

    source_server_id: str
    recovery_instance_id: str
    ec2_instance_id: str | None
    ec2_instance_state: str | None
    name: str | None
    private_ip: str | None
    public_ip: str | None
    instance_type: str | None
    launch_time: str | None
    account_id: str
    region: str
    job_id: str | None
    source_execution_id: str | None
    source_plan_id: str | None
    is_drill: bool
    replication_staging_account_id: str | None
    source_vpc_id: str | None
    vpc_id: str | None
    subnet_id: str | None
    security_group_ids: list[str]
    instance_profile: str | None
    point_in_time_snapshot_at: str | None
    last_sync_at: str


class RecoveryInstances(PageModel):
    """A page of recovery instances; `missing` is there when source servers were named."""

    recovery_instances: list[RecoveryInstance]
    missing: list[str] | None = Field(default=None, description="Servers that the cache has no instance of.")


class SyncStarted(ResponseModel):
    """A sync that was started; `sync` is the name of its execution in Step Functions."""

    sync: str
    started_at: str


class LastSync(ResponseModel):
    """The last sync of all accounts and Regions that came to its end."""

    began_at: str | None
    ended_at: str | None
    targets: int | None
    failed: int | None


class TargetSyncStatus(ResponseModel):
    """How fresh the cache is for an account and Region."""

    account_id: str
    region: str
    status: Literal["SYNCED", "NOT_SET_UP", "FAILED"]
    last_sync_at: str | None
    instances: int
    seconds: float
    error: str | None
    failed_at: str | None


class SyncStatus(ResponseModel):
    """How fresh the cache is."""

    status: Literal["NEVER", "OK", "DEGRADED"]
    last_sync: LastSync | None
    targets: list[TargetSyncStatus]


class CleanupCounts(ResponseModel):
    """Of the instances of a drill."""

    total: int
    terminated: int
    failed: int


class CleanupJob(ResponseModel):
    """A DRS job that terminates instances."""

    account_id: str
    region: str
    status: str
    job_id: str | None
    instances: int


class CleanupFailure(ResponseModel):
    """An instance that is left, and why."""

    recovery_instance_id: str
    source_server_id: str
    account_id: str
    region: str
    reason: str


class Cleanup(ResponseModel):
    """The clean-up of a drill."""

    execution_id: str
    status: Literal["NONE", "RUNNING", "COMPLETED", "PARTIAL", "FAILED"]
    run: int | None
    asked_at: str | None
    asked_by: str | None
    ended_at: str | None
    reason: str | None
    cleanup: str | None
    instances: CleanupCounts
    jobs: list[CleanupJob]
    failures: list[CleanupFailure]


# --- capacity and health ----------------------------------------------------------------------------------------
class Usage(ResponseModel):
    """What is used and free of a quota."""

    used: int
    free: int
    quota: int


class ReplicatingServers(Usage):
    """Replicating servers, with all source servers counted by their replication state."""

    by_state: dict[str, int]


class TargetCapacity(ResponseModel):
    """What an account and Region has free; one that cannot be asked has no figures but says why."""

    account_id: str
    region: str
    status: ReachabilityStatus
    message: str | None
    advice: str | None
    jobs: Usage | None = None
    servers_in_jobs: Usage | None = None
    replicating_servers: ReplicatingServers | None = None
    largest_job: int | None = None
    quotas_from: Literal["Service Quotas", "defaults"] | None = None


class CapacityOfTarget(TargetCapacity):
    """What one account and Region has free."""

    at: str


class CapacityOfAccount(ResponseModel):
    """What each Region of an account has free."""

    at: str
    targets: list[TargetCapacity]
    accounts_without_regions: list[str]


class CapacityOfAll(CapacityOfAccount):
    """What each Region of a page of accounts has free."""

    next_token: str | None


class SourceServer(ResponseModel):
    """A source server, as DRS has it now."""

    source_server_id: str
    hostname: str | None
    tags: dict[str, str]
    replication_state: str
    lag_seconds: int | None
    replication_error: str | None
    last_seen_at: str | None
    last_launch_result: str | None
    recovery_instance_id: str | None


class SourceServers(PageModel):
    """A page of source servers."""

    account_id: str
    region: str
    source_servers: list[SourceServer]


class Health(ResponseModel):
    """Whether the API and its tables answer; a table is `ok`, or says what is wrong."""

    status: Literal["ok", "degraded"]
    version: str
    tables: dict[str, str]


# --- errors -----------------------------------------------------------------------------------------------------
class FieldProblem(ResponseModel):
    """A field that is wrong, and how."""

    field: str
    message: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it; `code` tells which. Some errors carry further facts, such as `executionId`."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel, strict=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    advice: str
    correlation_id: str
    problems: list[FieldProblem] | None = None


class OpenapiDocument(BaseModel):
    """This document."""

    model_config = ConfigDict(extra="allow")

    openapi: str
