"""Reads the whole record of a run, for the API."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb_expressions import Partition, from_wire, to_wire
from recovery.aws.pagination import Page
from recovery.domain.execution import ExecutionStatus, ServerStatus
from recovery.domain.plan import RecoveryPlan
from recovery.domain.target import Target
from recovery.store import batch_servers, chains, executions, run_requests, waves

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """The rows of a run, without its servers, which are read page by page.

    `checks` are the CHECKS# rows, beside those of batches, and `actions` the ACTION# rows.
    """

    meta: Row
    waves: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    checks: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)


def read_record(execution_id: str) -> ExecutionRecord:
    """Read the record; raise ExecutionNotFound."""
    meta, wave_rows = executions.get_meta_row(execution_id), waves.list_rows(execution_id)
    has_ended = meta.get("endedAt") is not None
    actions = list(executions.query_rows(execution_id, "ACTION#", consistent=has_ended))
    return _read_rest(meta, wave_rows, actions)


def read_plan(execution_id: str) -> RecoveryPlan:
    """Read the plan as it was when the run was started; raise ExecutionNotFound."""
    return run_requests.get_plan(execution_id)


class OpenRun(NamedTuple):
    """The rows of a run that say what it waits for people with."""

    meta: Row
    waves: list[dict[str, Any]]
    actions: list[dict[str, Any]]


def read_open_runs(listed: Iterable[Row]) -> dict[str, OpenRun]:
    """META and the rows of waves and actions of those of these runs that have not ended, by the id of the run.

    Lists are read from an index, which lacks what META has of a cancel or a pause. This costs a GetItem and two Queries
    for each open run, several at a time. Of a plan, at most one drill or recovery is open. The rows of waves and
    actions may be as they were a moment ago; such reads cost half.
    """

    def read(row: Row) -> OpenRun:
        key = {"executionId": row["executionId"], "item": "META"}
        meta = dynamodb.get(executions.table(), key) or row
        actions = list(executions.query_rows(row["executionId"], "ACTION#", consistent=False))
        return OpenRun(meta, waves.list_rows(row["executionId"], consistent=False), actions)

    open_rows = [row for row in listed if not ExecutionStatus(row["status"]).is_final]
    found = dynamodb.map_each(read, open_rows) if open_rows else []
    return {row["executionId"]: each for row, each in zip(open_rows, found, strict=True)}


def read_groups(execution_id: str, limit: int, token: str | None) -> Page:
    """Read a page of GROUP# rows; raise ExecutionNotFound."""
    executions.get_run(execution_id)
    return run_requests.read_groups(execution_id, limit, token)


def read_batches(execution_id: str, limit: int, token: str | None) -> Page:
    """Read a page of BATCH# rows; raise ExecutionNotFound."""
    executions.get_meta_row(execution_id)
    rows = Partition("executionId", execution_id, ("item", "BATCH#"))
    return pagination.query_page(executions.table(), rows, limit, token)


def read_chain(record: ExecutionRecord) -> list[ExecutionRecord]:
    """The records of the run's chain, oldest first, without their waves; this one alone if it was never continued."""
    meta = record.meta
    if not meta.get("continues") and not meta.get("continuedBy"):
        return [record]
    return [
        record if execution_id == meta["executionId"] else _read_without_waves(execution_id)
        for execution_id in chains.read_chain(meta["executionId"]).execution_ids
    ]


def _read_without_waves(execution_id: str) -> ExecutionRecord:
    return _read_rest(executions.get_meta_row(execution_id), [], [])


def _read_rest(meta: Row, wave_rows: list[dict[str, Any]], action_rows: list[dict[str, Any]]) -> ExecutionRecord:
    """Read the batches, with their checks, and targets of a run whose META, waves and actions have been read.

    While the run goes on, they may be as they were a moment ago. Such reads cost half: viewers repeat them, and the run
    needs the throughput of its rows for itself. No decision of an operator writes to them.
    """
    has_ended = meta.get("endedAt") is not None
    batches_and_checks = Partition("executionId", meta["executionId"], ("item", "CHECKS#"), "BATCH#")  # neighbours
    rows = list(dynamodb.query(executions.table(), batches_and_checks, consistent=has_ended))
    return ExecutionRecord(
        meta=meta,
        waves=wave_rows,
        batches=[row for row in rows if row["item"].startswith("BATCH#")],
        targets=list(executions.query_rows(meta["executionId"], "TARGET#", consistent=has_ended)),
        checks=[row for row in rows if row["item"].startswith("CHECKS#")],
        actions=action_rows,
    )


# --- servers ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ServerInRecord:
    """A server of a run, and the row that it is in; `checked` is what its checks found, None if it has none."""

    server: Row
    row: Row
    checked: Row | None = None

    @property
    def token(self) -> str:
        """The token of the page that begins after this server."""
        key = {"executionId": self.row["executionId"], "item": self.row["item"], "after": self.server["sourceServerId"]}
        return str(pagination.encode_token(to_wire(key)))


def walk_servers(
    execution_id: str, wave: str | None, target: Target | None, status: ServerStatus | None, token: str | None
) -> Iterator[ServerInRecord]:
    """Walk through the servers of a run, of a wave, or of a target, from where the page with this token begins.

    Those in batches come first, in the order of waves, targets and ids, and those that inspection excluded last. Rows
    that cannot have a server with the status are not read. One Query reads some ten thousand servers. Raise
    InvalidRequest for a token of another list.
    """
    place = "" if wave is None else f"{wave}#" if target is None else f"{wave}#{target.key}#"
    first, after = _decode_token(execution_id, token) if token else (None, "")
    for kind in _kinds_with(status):
        prefix = f"{kind}{place}"
        if first and not first.startswith(prefix):
            continue
        partition = Partition("executionId", execution_id, ("item", prefix), first)
        for row in dynamodb.query(executions.table(), partition):
            if target is None or Target.from_state(row) == target:
                checked, servers = batch_servers.read_checked(row), batch_servers.list_servers(row)
                yield from (
                    ServerInRecord(each, row, checked.get(each["sourceServerId"]))
                    for each in servers
                    if each["sourceServerId"] > after
                )
            after = ""
        first = None
    if first:
        raise pagination.invalid_token()


def _kinds_with(status: ServerStatus | None) -> tuple[str, ...]:
    """The kinds of rows that may have a server with this status."""
    if status is None:
        return ("BATCH#", "EXCLUDED#")
    return ("EXCLUDED#",) if status is ServerStatus.EXCLUDED else ("BATCH#",)


def _decode_token(execution_id: str, token: str) -> tuple[str, str]:
    """The row in which a page begins, and the server after which it does. Raise InvalidRequest."""
    key = from_wire(pagination.decode_token(token))
    if key.keys() != {"executionId", "item", "after"} or key["executionId"] != execution_id:
        raise pagination.invalid_token()
    return key["item"], key["after"]
