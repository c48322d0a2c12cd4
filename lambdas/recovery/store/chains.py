"""Chains: a run together with the runs that continue it, and what their records say of launches.

A run is continued once. Its META row names the run that continues it (`continuedBy`), and the request of that one
names it (`continues`); both are written in one transaction. A continuation that never started, or was refused because
it is not ready, has launched nothing and is unlinked again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.domain.batch import BatchRef
from recovery.domain.execution import Run, ServerStatus
from recovery.domain.target import Target
from recovery.errors import ExecutionNotFound
from recovery.store import batch_servers, executions

# A longer chain is refused, so that reading one stays cheap.
MAX_CHAIN_LENGTH = 25


@dataclass(frozen=True, slots=True)
class Chain:
    """Runs of which each continues the one before, oldest first."""

    runs: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """The run that was requested as a new one. Its record has the clean-up of the chain."""
        return self.runs[0]

    @property
    def last(self) -> Run:
        """The run that can be continued."""
        return self.runs[-1]

    @property
    def execution_ids(self) -> tuple[str, ...]:
        """The ids of the runs, oldest first."""
        return tuple(run.execution_id for run in self.runs)

    def before(self, execution_id: str) -> "Chain":
        """The runs before this one; none for the first."""
        return Chain(self.runs[: self.execution_ids.index(execution_id)])

    def up_to(self, execution_id: str) -> "Chain":
        """This run and those before it."""
        return Chain(self.runs[: self.execution_ids.index(execution_id) + 1])


@dataclass(frozen=True, slots=True)
class RecordedServer:
    """The result of a server on record: its status, the job that tried it last, and its recovery instance if known."""

    server_id: str
    status: ServerStatus
    job_id: str | None
    instance_id: str | None


@dataclass(frozen=True, slots=True)
class RecordedLaunches:
    """What the record of a chain says of its launches in one target: the servers that were tried, and every job.

    `started` has when the last job of each batch was started, by its id. `unanswered` has when StartRecovery was called
    for a batch, by the batch's key and its attempt, if no job is on record for the call.
    """

    servers: tuple[RecordedServer, ...]
    job_ids: frozenset[str]
    started: Mapping[str, str] = field(default_factory=dict)
    unanswered: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def server_ids(self) -> frozenset[str]:
        """The servers that were tried."""
        return frozenset(server.server_id for server in self.servers)

    @property
    def instances(self) -> dict[str, str]:
        """The recovery instances on record, with their servers."""
        return {server.instance_id: server.server_id for server in self.servers if server.instance_id}


def read_chain(execution_id: str) -> Chain:
    """Read the chain that the run is part of; a run that was never continued is a chain of its own.

    Raise ExecutionNotFound.
    """
    run = executions.get_requested_run(execution_id)
    return Chain((*reversed(list(_walk_back(run))), run, *_walk_on(run)))


def _walk_back(run: Run) -> Iterator[Run]:
    for _ in range(MAX_CHAIN_LENGTH):
        before = _find_run(run.continues)
        if before is None or before.continued_by != run.execution_id:
            return
        yield before
        run = before


def _walk_on(run: Run) -> Iterator[Run]:
    for _ in range(MAX_CHAIN_LENGTH):
        after = _find_run(run.continued_by)
        if after is None or after.continues != run.execution_id:
            return
        yield after
        run = after


def _find_run(execution_id: str | None) -> Run | None:
    if execution_id is None:
        return None
    try:
        return executions.get_requested_run(execution_id)
    except ExecutionNotFound:  # its record was deleted
        return None


# --- launches on record -----------------------------------------------------------------------------------------
def list_launch_targets(chain: Chain) -> list[Target]:
    """The targets in which a run of the chain has tried to start a job, in order.

    The intent to start a job is on record before the job is started, so no other target can have one.
    """
    return sorted({Target.from_state(row) for row in _read_tried_batches(chain)})


def read_launches(chain: Chain, target: Target) -> RecordedLaunches:
    """Read what the records of the chain say of launches in the target."""
    batches = [row for row in _read_tried_batches(chain) if Target.from_state(row) == target]
    job_ids = {row.get("jobId") for row in batches} | {job["jobId"] for row in batches for job in row.get("jobs", ())}
    servers = [_read_server(server) for row in batches for server in batch_servers.list_servers(row)]
    started = {row["jobId"]: row["jobStartedAt"] for row in batches if row.get("jobId") and row.get("jobStartedAt")}
    unanswered = {
        (BatchRef.from_event(row).key, str(int(row["attempt"]))): row["unansweredSince"]
        for row in batches
        if row.get("unansweredSince") and not row.get("jobId")
    }
    return RecordedLaunches(tuple(servers), frozenset(filter(None, job_ids)), started, unanswered)


def _read_server(server: Mapping[str, Any]) -> RecordedServer:
    return RecordedServer(
        server["sourceServerId"], ServerStatus(server["status"]), server.get("jobId"), server.get("recoveryInstanceId")
    )


def _read_tried_batches(chain: Chain) -> Iterable[dict[str, Any]]:
    for execution_id in chain.execution_ids:
        for row in executions.query_rows(execution_id, "BATCH#"):
            if int(row.get("attempt", 0)) or row.get("jobId") or row.get("jobs"):
                yield row
