"""How records are shown: no table keys, no tokens, the same shapes in lists and single reads."""

from collections.abc import Iterable, Mapping
from typing import Any

from recovery.batch import Batch
from recovery.execution import ServerStatus, Tally

Row = Mapping[str, Any]

_EXECUTION = ("executionId", "planId", "planName", "mode", "status", "reason")
_TIMES = ("requestedAt", "requestedBy", "startedAt", "endedAt")


def plan(item: Row) -> dict[str, Any]:
    """A recovery plan; `activeExecutionId` names the run that is on, if any."""
    return {**item, "activeExecutionId": item.get("activeExecutionId")}


def execution(item: Row) -> dict[str, Any]:
    """A run in a list."""
    return {name: item.get(name) for name in (*_EXECUTION, *_TIMES)}


def wave(row: Row, batches: Iterable[Row], shares: Iterable[Row]) -> dict[str, Any]:
    """A wave with its servers counted, those of running jobs as DRS last told."""
    excluded = sum(int(share["blocked"]) for share in shares)
    tally = Tally(total=excluded, excluded=excluded)
    launching = 0
    for item in batches:
        batch = Batch.from_item(item)
        launched, failed = int(item.get("inFlightLaunched", 0)), int(item.get("inFlightFailed", 0))
        tally += Tally(batch.total, batch.launched + launched, batch.failed + failed)
        if batch.status in ("STARTING", "LAUNCHING"):
            launching += len(batch.server_ids) - launched - failed
    shown = {key: row.get(key) for key in ("order", "status", "dependsOn", "startedAt", "endedAt", "reason")}
    return {"name": row["wave"], **shown, "servers": {**tally.to_item(), "launching": launching}}


def batch(item: Row) -> dict[str, Any]:
    """A batch: where it is, its job, its attempt."""
    shown = ("wave", "accountId", "region", "batch", "status", "attempt", "jobId", "startedAt", "endedAt", "reason")
    return {key: item.get(key) for key in shown} | {"servers": item["total"]}


def server(row: Row, launching: Mapping[str, str]) -> dict[str, Any]:
    """A server. While its job runs it is LAUNCHING, which is read off the batch and never stored."""
    status, job_id = row["status"], row.get("jobId")
    if row["sourceServerId"] in launching and status != ServerStatus.LAUNCHED:
        status, job_id = ServerStatus.LAUNCHING.value, launching[row["sourceServerId"]]
    shown = ("sourceServerId", "hostname", "wave", "accountId", "region", "recoveryInstanceId", "reason", "endedAt")
    return {key: row.get(key) for key in shown} | {"status": status, "jobId": job_id}


def whole(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A run with everything in its record."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(row["item"].split("#")[0], []).append(row)
    batches, shares = kinds.get("BATCH", []), kinds.get("TARGET", [])
    launching = {
        server_id: item.get("jobId", "")
        for item in batches
        if item["status"] in ("STARTING", "LAUNCHING")
        for server_id in item["serverIds"]
    }
    waves = [
        wave(row, *([item for item in items if item["wave"] == row["wave"]] for items in (batches, shares)))
        for row in sorted(kinds.get("WAVE", []), key=lambda row: int(row["order"]))
    ]
    counts = ("total", "launched", "failed", "excluded", "launching")
    return {
        **execution(kinds["META"][0]),
        "servers": {name: sum(shown["servers"][name] for shown in waves) for name in counts},
        "waves": waves,
        "batches": [batch(item) for item in batches],
        "sourceServers": [server(row, launching) for row in kinds.get("SERVER", [])],
    }
