"""Every route of the API as callers see it: what it takes, what it answers, and by which errors it refuses.

The OpenAPI document is made of this table, the request models and the answers' models. Tests hold the table against
the routes there are and the errors that their code can raise, and real answers against the models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from api.http.request import (
    ACCOUNT_PATTERN,
    DEFAULT_PAGE_SIZE,
    ETAG_PATTERN,
    ID_PATTERN,
    IDEMPOTENCY_KEY_PATTERN,
    MAX_PAGE_SIZE,
    REGION_PATTERN,
)
from api.routes.instances import MOST_SERVERS, SyncRequest
from api.schemas.requests import (
    AccountRequest,
    AccountUpdate,
    DecisionRequest,
    GroupRequest,
    GroupUpdate,
    PlanRequest,
    PlanUpdate,
    StartRequest,
)
from api.schemas.responses import (
    CapacityOfAccount,
    CapacityOfAll,
    CapacityOfTarget,
    Cleanup,
    Events,
    Execution,
    Executions,
    ExecutionSummary,
    Health,
    JobLog,
    OpenapiDocument,
    ProtectionGroup,
    ProtectionGroups,
    RecoveryInstances,
    RecoveryPlan,
    RecoveryPlanRead,
    RecoveryPlans,
    Servers,
    SourceServers,
    SyncStarted,
    SyncStatus,
    TargetAccount,
    TargetAccounts,
    Verification,
    Versioned,
)
from recovery.domain.execution import ExecutionStatus
from recovery.errors import (
    AccountAlreadyRegistered,
    AccountInUse,
    AccountNotFound,
    AwsUnavailable,
    CircuitOpen,
    CleanupRunning,
    DecisionRefused,
    DrsRefused,
    DrsThrottled,
    DrsUnavailable,
    DrsWavesError,
    ExecutionNotFound,
    ExecutionStillRunning,
    GroupInUse,
    GroupNotFound,
    IdempotencyConflict,
    InvalidRequest,
    JobNotFound,
    NotADrill,
    NothingToContinue,
    PlanAlreadyRunning,
    PlanInUse,
    PlanNotFound,
    RateBudgetExhausted,
    RetryExhausted,
    StartFailed,
    TargetAccessDenied,
    TargetNotInitialized,
    TargetNotRegistered,
    VersionConflict,
    WaveNotFound,
)

Kind = type[DrsWavesError]

# What API Gateway answers itself, before or instead of the API: codes by status, as cfn/template.yaml has them.
GATEWAY: Mapping[int, tuple[str, ...]] = {
    403: ("NotSigned", "InvalidSignature", "ExpiredCredentials", "NotAllowed", "RequestRefused"),
    413: ("RequestTooLarge",),
    429: ("TooManyRequests",),
    503: ("ApiUnavailable",),
    504: ("ApiTimedOut",),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """Of the query or a header; `schema` is JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any]
    where: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. `errors` are those besides what any request may meet (AwsUnavailable, InternalError)."""

    method: str
    path: str
    name: str
    tag: str
    status: int
    answer: type[BaseModel] | None
    errors: tuple[Kind, ...] = ()
    body: type[BaseModel] | None = None
    parameters: tuple[Parameter, ...] = ()
    body_is_optional: bool = False

    @property
    def has_location(self) -> bool:
        """Does the answer say where to find what was made or started?"""
        return self.status in (201, 202)

    @property
    def has_version(self) -> bool:
        """Is the answer one resource with a version, which is its ETag?"""
        return self.answer is not None and issubclass(self.answer, Versioned)


# --- parameters -------------------------------------------------------------------------------------------------
_ID = {"type": "string", "pattern": ID_PATTERN}

_ACCOUNT = {"type": "string", "pattern": ACCOUNT_PATTERN}

_REGION = {"type": "string", "pattern": REGION_PATTERN}

PATH_PARAMETERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "accountId": ("Account", _ACCOUNT),
    "region": ("Code of a Region", _REGION),
    "groupId": ("Id of a protection group", _ID),
    "planId": ("Id of a recovery plan", _ID),
    "executionId": ("Id of an execution", _ID),
    "wave": ("Name of a wave", _ID),
}

PAGE = (
    Parameter(
        "limit",
        "Items on a page.",
        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE},
    ),
    Parameter("nextToken", "Of the page before, unchanged.", {"type": "string", "minLength": 1}),
)

IF_MATCH = Parameter(
    "If-Match",
    "The version that the change was made from, as the ETag of a read has it.",
    {"type": "string", "pattern": ETAG_PATTERN},
    "header",
)

IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "For a day the same key of the same caller starts once, however often it is sent.",
    {"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
    "header",
)

_SERVERS = rf"^s-[0-9a-zA-Z]{{17}}(,s-[0-9a-zA-Z]{{17}}){{0,{MOST_SERVERS - 1}}}$"

# --- errors -----------------------------------------------------------------------------------------------------
ANY = (AwsUnavailable,)

BAD = (InvalidRequest,)

# Of the routes that ask DRS and pass its answer on.
ASKS_DRS = (
    CircuitOpen,
    DrsRefused,
    DrsThrottled,
    DrsUnavailable,
    RateBudgetExhausted,
    RetryExhausted,
    TargetAccessDenied,
    TargetNotInitialized,
    TargetNotRegistered,
)

STARTS = (*BAD, IdempotencyConflict, PlanAlreadyRunning, PlanNotFound, StartFailed)

DECIDES = (*BAD, DecisionRefused, ExecutionNotFound)

OF_WAVE = (*DECIDES, WaveNotFound)

CHANGES = (*BAD, VersionConflict)


def _start(path: str, name: str) -> Operation:
    return Operation(
        "POST",
        f"/recovery-plans/{{planId}}/{path}",
        name,
        "Runs",
        202,
        ExecutionSummary,
        STARTS,
        StartRequest,
        (IDEMPOTENCY_KEY,),
        body_is_optional=True,
    )


def _decision(path: str, name: str, kinds: tuple[Kind, ...] = DECIDES) -> Operation:
    return Operation(
        "POST",
        f"/executions/{{executionId}}/{path}",
        name,
        "Decisions",
        200,
        Execution,
        kinds,
        DecisionRequest,
        body_is_optional=True,
    )


def _read(
    path: str, name: str, tag: str, answer: type[BaseModel], *kinds: Kind, parameters: tuple[Parameter, ...] = ()
) -> Operation:
    return Operation("GET", path, name, tag, 200, answer, kinds, parameters=parameters)


def _list(path: str, name: str, tag: str, answer: type[BaseModel], *kinds: Kind, more: Any = ()) -> Operation:
    return _read(path, name, tag, answer, *BAD, *kinds, parameters=(*more, *PAGE))


OPERATIONS: tuple[Operation, ...] = (
    # Target accounts
    Operation(
        "POST",
        "/target-accounts",
        "registerAccount",
        "Target accounts",
        201,
        TargetAccount,
        (*BAD, AccountAlreadyRegistered),
        AccountRequest,
    ),
    _list("/target-accounts", "listAccounts", "Target accounts", TargetAccounts),
    _read(
        "/target-accounts/{accountId}",
        "readAccount",
        "Target accounts",
        TargetAccount,
        AccountNotFound,
    ),
    Operation(
        "PUT",
        "/target-accounts/{accountId}",
        "updateAccount",
        "Target accounts",
        200,
        TargetAccount,
        (*CHANGES, AccountNotFound),
        AccountUpdate,
        (IF_MATCH,),
    ),
    Operation(
        "DELETE",
        "/target-accounts/{accountId}",
        "deleteAccount",
        "Target accounts",
        204,
        None,
        (*CHANGES, AccountInUse, AccountNotFound),
        parameters=(IF_MATCH,),
    ),
    Operation(
        "POST",
        "/target-accounts/{accountId}/verify",
        "verifyAccount",
        "Target accounts",
        200,
        Verification,
        (AccountNotFound,),
    ),
    # Protection groups
    Operation(
        "POST",
        "/protection-groups",
        "createGroup",
        "Protection groups",
        201,
        ProtectionGroup,
        BAD,
        GroupRequest,
    ),
    _list("/protection-groups", "listGroups", "Protection groups", ProtectionGroups),
    _read(
        "/protection-groups/{groupId}",
        "readGroup",
        "Protection groups",
        ProtectionGroup,
        GroupNotFound,
    ),
    Operation(
        "PUT",
        "/protection-groups/{groupId}",
        "updateGroup",
        "Protection groups",
        200,
        ProtectionGroup,
        (*CHANGES, GroupInUse, GroupNotFound),
        GroupUpdate,
        (IF_MATCH,),
    ),
    Operation(
        "DELETE",
        "/protection-groups/{groupId}",
        "deleteGroup",
        "Protection groups",
        204,
        None,
        (*CHANGES, GroupInUse, GroupNotFound),
        parameters=(IF_MATCH,),
    ),
    # Recovery plans
    Operation(
        "POST",
        "/recovery-plans",
        "createPlan",
        "Recovery plans",
        201,
        RecoveryPlan,
        BAD,
        PlanRequest,
    ),
    _list("/recovery-plans", "listPlans", "Recovery plans", RecoveryPlans),
    _read("/recovery-plans/{planId}", "readPlan", "Recovery plans", RecoveryPlanRead, PlanNotFound),
    Operation(
        "PUT",
        "/recovery-plans/{planId}",
        "updatePlan",
        "Recovery plans",
        200,
        RecoveryPlan,
        (*CHANGES, PlanNotFound),
        PlanUpdate,
        (IF_MATCH,),
    ),
    Operation(
        "DELETE",
        "/recovery-plans/{planId}",
        "deletePlan",
        "Recovery plans",
        204,
        None,
        (*CHANGES, PlanInUse, PlanNotFound),
        parameters=(IF_MATCH,),
    ),
    # Runs
    _start("readiness", "startReadiness"),
    _start("drills", "startDrill"),
    _start("recoveries", "startRecovery"),
    Operation(
        "POST",
        "/executions/{executionId}/continue",
        "continueExecution",
        "Runs",
        202,
        ExecutionSummary,
        (*STARTS, ExecutionNotFound, NothingToContinue),
        DecisionRequest,
        (IDEMPOTENCY_KEY,),
        body_is_optional=True,
    ),
    _list(
        "/executions",
        "listExecutions",
        "Runs",
        Executions,
        more=(
            Parameter("planId", "Of this plan; not together with `status`.", _ID),
            Parameter(
                "status", "At this status.", {"type": "string", "enum": [status.value for status in ExecutionStatus]}
            ),
        ),
    ),
    _read("/executions/{executionId}", "readExecution", "Runs", Execution, ExecutionNotFound),
    _list(
        "/executions/{executionId}/servers",
        "listServers",
        "Runs",
        Servers,
        ExecutionNotFound,
        WaveNotFound,
        more=(Parameter("wave", "Of this wave.", {"type": "string", "minLength": 1}),),
    ),
    _list("/executions/{executionId}/events", "listEvents", "Runs", Events, ExecutionNotFound),
    _list(
        "/executions/{executionId}/job-log",
        "readJobLog",
        "Runs",
        JobLog,
        *ASKS_DRS,
        ExecutionNotFound,
        JobNotFound,
        more=(Parameter("jobId", "A job of the run.", {"type": "string", "minLength": 1}, required=True),),
    ),
    # Decisions
    _decision("pause", "pause"),
    _decision("resume", "resume"),
    _decision("cancel", "cancel"),
    _decision("waves/{wave}/approve", "approve", OF_WAVE),
    _decision("waves/{wave}/reject", "reject", OF_WAVE),
    _decision("waves/{wave}/retry", "retry", OF_WAVE),
    _decision("waves/{wave}/accept", "accept", OF_WAVE),
    _decision("waves/{wave}/abort", "abort", OF_WAVE),
    # Recovery instances
    _list(
        "/recovery-instances",
        "listRecoveryInstances",
        "Recovery instances",
        RecoveryInstances,
        more=(
            Parameter("planId", "Launched by runs of this plan. One of the four selections is needed.", _ID),
            Parameter("executionId", "Launched by this run.", _ID),
            Parameter("sourceServerIds", "Of these source servers; no pages.", {"type": "string", "pattern": _SERVERS}),
            Parameter("accountId", "In this account; needs `region`.", _ACCOUNT),
            Parameter("region", "In this Region; goes with `accountId`.", _REGION),
        ),
    ),
    Operation(
        "POST",
        "/drs/recovery-instance-sync",
        "startSync",
        "Recovery instances",
        202,
        SyncStarted,
        (*BAD, StartFailed),
        SyncRequest,
        body_is_optional=True,
    ),
    _read("/drs/recovery-instance-sync/status", "readSyncStatus", "Recovery instances", SyncStatus),
    Operation(
        "POST",
        "/executions/{executionId}/cleanup",
        "startCleanup",
        "Recovery instances",
        202,
        Cleanup,
        (
            *BAD,
            CleanupRunning,
            ExecutionNotFound,
            ExecutionStillRunning,
            NotADrill,
            StartFailed,
        ),
        StartRequest,
        body_is_optional=True,
    ),
    _read(
        "/executions/{executionId}/cleanup",
        "readCleanup",
        "Recovery instances",
        Cleanup,
        ExecutionNotFound,
    ),
    # Targets
    _list("/capacity", "readCapacity", "Targets", CapacityOfAll),
    _read("/capacity/{accountId}", "readCapacityOfAccount", "Targets", CapacityOfAccount, AccountNotFound),
    _read(
        "/capacity/{accountId}/{region}",
        "readCapacityOfTarget",
        "Targets",
        CapacityOfTarget,
        AccountNotFound,
        InvalidRequest,
    ),
    _list(
        "/targets/{accountId}/{region}/source-servers",
        "listSourceServers",
        "Targets",
        SourceServers,
        *ASKS_DRS,
        AccountNotFound,
    ),
    # The API itself
    _read("/health", "readHealth", "The API", Health),
    _read("/openapi.json", "readOpenapi", "The API", OpenapiDocument),
)
