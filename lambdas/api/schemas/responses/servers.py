"""The source servers of a run, as the API shows them."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time, build_from_row
from recovery.domain.batch import BatchStatus
from recovery.domain.execution import ServerStatus, WaveStatus
from recovery.domain.launch_failures import FailureKind
from recovery.store.execution_record import Row, ServerInRecord

INSTANCE_UNKNOWN = (
    "DRS calls it launched but does not show its recovery instance yet; a sync of the cache adds it when DRS does"
)


class ServerVerification(TypedDict):
    """What the checks of a launched server found."""

    status: Annotated[
        Literal["VERIFYING", "VERIFIED", "UNVERIFIED"],
        Field(description="VERIFIED has passed all of its checks, UNVERIFIED has not passed one in time."),
    ]
    check: Annotated[str | None, Field(description="The check that it is at, or that it did not pass.")]
    passed: Annotated[list[str], Field(description="The checks that it has passed, in their order.")]
    output: Annotated[str | None, Field(description="What the last try of this check answered, 500 characters of it.")]
    reason: str | None
    at: Annotated[Time | None, Field(description="When it was settled; null while it is checked.")]
    cutOff: NotRequired[
        Annotated[bool, Field(description="True if its run was halted before this check had an answer.")]
    ]


class Server(TypedDict):
    """A source server in a run."""

    sourceServerId: str
    hostname: str | None
    wave: str
    accountId: str
    region: str
    readiness: str | None
    snapshotId: str | None
    snapshotAt: Time | None
    lagSeconds: Annotated[
        int | None,
        Field(description="How far the replica was behind when the run inspected it; null if DRS did not report it."),
    ]
    recoveryInstanceId: Annotated[
        str | None, Field(description="A FAILED server has one if the launch failed after DRS created the instance.")
    ]
    dataAt: Annotated[
        Time | None,
        Field(description="The time of the data that the instance was launched from, as DRS reports it."),
    ]
    endedAt: Time | None
    optional: bool
    groups: Annotated[list[str], Field(description="Ids of the protection groups that select it.")]
    warnings: list[str]
    status: ServerStatus
    jobId: str | None
    reason: str | None
    cause: Annotated[FailureKind | None, Field(description="The kind of the cause, if the launch failed.")]
    advice: Annotated[str | None, Field(description="What to do about the cause.")]
    verification: Annotated[
        ServerVerification | None,
        Field(description="What its checks found; null if it has none, or they have not begun."),
    ]


class Servers(Paged):
    """A page of the servers of a run."""

    servers: list[Server]


def build_server(found: ServerInRecord, wave: Row) -> Server:
    """A server with its state now; `wave` is the row of its wave.

    Its result is on record when its job has ended. Until then the batch has what DRS last reported of it. SKIPPED and
    CHECKED follow from the wave.
    """
    row, batch = found.server, found.row
    status, job_id, reason = row["status"], row.get("jobId"), row.get("reason")
    if status not in (ServerStatus.LAUNCHED, ServerStatus.EXCLUDED):
        if BatchStatus(batch["status"]).is_in_attempt and row["sourceServerId"] in batch["serverIds"]:
            status, job_id = _status_in_job(row["sourceServerId"], batch), batch.get("jobId")
            reason = f"{job_id} reports it as failed and still runs" if status is ServerStatus.FAILED else None
            row = {**row, "cause": None, "advice": None}  # those of an earlier job
        elif status == ServerStatus.PENDING and WaveStatus(wave["status"]).is_final:
            is_checked = wave["status"] == WaveStatus.CHECKED
            status = ServerStatus.CHECKED if is_checked else ServerStatus.SKIPPED
            reason = batch.get("reason") or wave.get("reason")
    return build_from_row(
        Server,
        row,
        optional=bool(row.get("optional")),
        groups=row.get("groups", []),
        warnings=_list_warnings(row),
        status=ServerStatus(status),
        jobId=job_id,
        reason=reason,
        verification=_build_verification(found.checked) if found.checked else None,
    )


def _build_verification(checked: Row) -> ServerVerification:
    return build_from_row(ServerVerification, checked, passed=list(checked.get("passed", ())))


def mentions(server: Server, text: str) -> bool:
    """Whether the server's id, host name, instance, job or reason contains the text, in upper or lower case."""
    named = (server[name] for name in ("sourceServerId", "hostname", "recoveryInstanceId", "jobId", "reason"))
    return any(text.casefold() in each.casefold() for each in named if each)


def _status_in_job(server_id: str, batch: Row) -> ServerStatus:
    if server_id in batch.get("launchedInJob", ()):
        return ServerStatus.LAUNCHED
    return ServerStatus.FAILED if server_id in batch.get("failedInJob", ()) else ServerStatus.LAUNCHING


def _list_warnings(row: Row) -> list[str]:
    """The warnings of inspection and of the launch, and that the instance is unknown."""
    warnings = [*row.get("warnings", ()), *row.get("launchWarnings", ())]
    if row["status"] == ServerStatus.LAUNCHED and not row.get("recoveryInstanceId"):
        warnings.append(INSTANCE_UNKNOWN)
    return warnings
