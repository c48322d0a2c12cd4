"""The record of a run as people read it: from the executions table alone, but for the log of a job, which DRS keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery import drs, dynamo, store
from recovery.batch import BatchRef
from recovery.errors import JobNotFound
from recovery.pages import Page, read_page

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """The rows of a run but for its servers, which are read page by page."""

    meta: Row
    waves: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    targets: list[dict[str, Any]]


def read(execution_id: str) -> Record:
    """Raise ExecutionNotFound when there is none."""
    return Record(
        meta=store.meta(execution_id),
        waves=store.wave_rows(execution_id),
        batches=list(store.rows(execution_id, "BATCH#")),
        targets=list(store.rows(execution_id, "TARGET#")),
    )


def read_servers(execution_id: str, wave: str | None, limit: int, token: str | None) -> tuple[Record, Page]:
    """A page of the rows of servers, and the record that says what is going on with them."""
    record = read(execution_id)
    page = read_page(
        dynamo.client().query,
        limit,
        token,
        TableName=store.table(),
        KeyConditionExpression="executionId = :id AND begins_with(#item, :prefix)",
        ExpressionAttributeNames={"#item": "item"},
        ExpressionAttributeValues=dynamo.to_wire(
            {":id": execution_id, ":prefix": f"SERVER#{wave}#" if wave else "SERVER#"}
        ),
    )
    return record, page


def job_log(execution_id: str, job_id: str, limit: int, token: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """A page of DRS's log of a job of the run. Raise JobNotFound, ExecutionNotFound, and what DRS raises."""
    for row in read(execution_id).batches:
        if job_id == row.get("jobId") or any(job_id == job["jobId"] for job in row.get("jobs", ())):
            return drs.job_log(BatchRef.from_event(row).target, job_id, limit, token)
    raise JobNotFound(f"execution {execution_id} has no job {job_id[:40]!r}")
