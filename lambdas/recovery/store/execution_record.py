"""Reads the whole record of a run, for the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery.aws import pagination
from recovery.aws.dynamodb_expressions import Partition
from recovery.aws.pagination import Page
from recovery.store import chains, executions, run_requests, waves

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """The rows of a run, without its servers, which are read page by page."""

    meta: Row
    waves: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    targets: list[dict[str, Any]]


def read_record(execution_id: str) -> ExecutionRecord:
    """Read the record; raise ExecutionNotFound."""
    return ExecutionRecord(
        meta=executions.get_meta_row(execution_id),
        waves=waves.list_rows(execution_id),
        batches=list(executions.query_rows(execution_id, "BATCH#")),
        targets=list(executions.query_rows(execution_id, "TARGET#")),
    )


def read_groups(execution_id: str, limit: int, token: str | None) -> Page:
    """Read a page of GROUP# rows; raise ExecutionNotFound."""
    executions.get_run(execution_id)
    return run_requests.read_groups(execution_id, limit, token)


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
    return ExecutionRecord(
        meta=executions.get_meta_row(execution_id),
        waves=[],
        batches=list(executions.query_rows(execution_id, "BATCH#")),
        targets=list(executions.query_rows(execution_id, "TARGET#")),
    )


def read_servers(execution_id: str, wave: str | None, limit: int, token: str | None) -> tuple[ExecutionRecord, Page]:
    """Read a page of SERVER# rows, and the record that they belong to."""
    record = read_record(execution_id)
    servers = Partition("executionId", execution_id, ("item", f"SERVER#{wave}#" if wave else "SERVER#"))
    return record, pagination.query_page(executions.table(), servers, limit, token)
