"""How records are shown: no table keys, no tokens, the same shapes in lists and single reads."""

from collections.abc import Iterable
from typing import Any

from recovery import clock
from recovery.domain.batch import Batch, BatchStatus
from recovery.domain.execution import ExecutionStatus, ServerStatus, Tally, WaveStatus
from recovery.store.execution_record import ExecutionRecord, Row

_EXECUTION = ("executionId", "planId", "planName", "mode", "status", "reason")

_TIMES = ("requestedAt", "requestedBy", "startedAt", "endedAt")

_LINKS = ("pointInTime", "continues", "continuedBy", "cancelledBy", "stopReason")

_TARGETS = ("rpoTargetMinutes", "rtoTargetMinutes")


_COUNTS = ("total", "launched", "failed", "excluded", "launching")


def plan(item: Row) -> dict[str, Any]:
    """A recovery plan; `activeExecutionId` names the run that is on, if any."""
    return {**item, "activeExecutionId": item.get("activeExecutionId")}


def execution(item: Row) -> dict[str, Any]:
    """A run in a list."""
    return {name: item.get(name) for name in (*_EXECUTION, *_TIMES)}


def execution_detail(record: ExecutionRecord, execution_arn: str) -> dict[str, Any]:
    """A run with its waves and batches; its servers are counted here and listed elsewhere."""
    meta = record.meta
    waves = [_wave(row, record) for row in record.waves]
    ended = sum(shown["endedAt"] is not None for shown in waves)
    return {
        **execution(meta),
        **{name: meta.get(name) for name in (*_LINKS, *_TARGETS)},
        "executionArn": execution_arn,
        "durationSeconds": _lasted(meta["requestedAt"], meta.get("endedAt")),
        "servers": {name: sum(shown["servers"][name] for shown in waves) for name in _COUNTS},
        "progress": {"waves": len(waves), "wavesEnded": ended},
        "waitingFor": _waiting_for(record),
        "decisions": _decisions(record),
        "notes": list(dict.fromkeys(note for row in record.targets for note in row.get("notes", ()))),
        "waves": waves,
        "batches": [_batch(row) for row in record.batches],
    }


def _lasted(begin: str | None, end: str | None) -> int | None:
    if begin is None:
        return None
    return round((clock.parse_iso(end) if end else clock.now()) - clock.parse_iso(begin))


def _of(rows: Iterable[Row], wave: str) -> list[Row]:
    return [row for row in rows if row["wave"] == wave]


def _wave(row: Row, record: ExecutionRecord) -> dict[str, Any]:
    """A wave with its servers counted, those of running jobs as DRS last told."""
    excluded = sum(int(share["blocked"]) for share in _of(record.targets, row["wave"]))
    tally = Tally(total=excluded, excluded=excluded)
    launching = 0
    for item in _of(record.batches, row["wave"]):
        batch = Batch.from_item(item)
        launched, failed = int(item.get("inFlightLaunched", 0)), int(item.get("inFlightFailed", 0))
        tally += Tally(batch.total, batch.launched + launched, batch.failed + failed)
        if batch.status.is_in_attempt:
            launching += len(batch.server_ids) - launched - failed
    told = ("order", "status", "dependsOn", "startedAt", "endedAt", "reason", "rtoTargetMinutes")
    shown = {key: row.get(key) for key in told}
    return {
        "name": row["wave"],
        **shown,
        "round": int(row.get("round", 0)),
        "durationSeconds": _lasted(row.get("startedAt"), row.get("endedAt")),
        "servers": {**tally.to_item(), "launching": launching},
    }


def _batch(row: Row) -> dict[str, Any]:
    """A batch: where it is, its job, its attempt, and the jobs it has had."""
    place, times = ("wave", "accountId", "region", "batch"), ("startedAt", "jobStartedAt", "endedAt")
    shown = (*place, "status", "attempt", "jobId", *times, "reason")
    return {key: row.get(key) for key in shown} | {"servers": row["total"], "jobs": row.get("jobs", [])}


# What people can say to a wave that waits, and what they have to send for it.
_ANSWERS = {
    WaveStatus.AWAITING_APPROVAL: ("approve", "reject"),
    WaveStatus.AWAITING_DECISION: ("retry", "accept", "abort"),
    WaveStatus.PAUSED: ("resume",),
}


def _waiting_for(record: ExecutionRecord) -> list[dict[str, Any]]:
    """What waits for people: which wave, for what, since and until when, and the requests that answer it."""
    meta, waiting = record.meta, []
    base = f"/executions/{meta['executionId']}"
    if ExecutionStatus(meta["status"]).is_final or meta.get("cancelledBy"):
        return []
    if meta["status"] == ExecutionStatus.PAUSED:
        waiting.append(
            {"wave": None, "for": "RESUME", "since": meta.get("pausedAt"), "answers": [f"POST {base}/resume"]}
        )
    for row in record.waves:
        status = WaveStatus(row["status"])
        if status not in _ANSWERS or row.get("failureDecision"):
            continue
        until = row.get("approvalUntil") if status is WaveStatus.AWAITING_APPROVAL else None
        on_wave = base if status is WaveStatus.PAUSED else f"{base}/waves/{row['wave']}"
        waiting.append(
            {
                "wave": row["wave"],
                "for": {"PAUSED": "RESUME"}.get(status.value, status.value.removeprefix("AWAITING_")),
                "since": row.get("waitingSince"),
                "until": clock.iso(float(until)) if until else None,
                "answers": [f"POST {on_wave}/{answer}" for answer in _ANSWERS[status]],
            }
        )
    return waiting


def _decisions(record: ExecutionRecord) -> list[dict[str, Any]]:
    """Who decided what, oldest first; `wave` is None for what was said of the whole run."""
    said = [{"wave": None, **decision} for decision in record.meta.get("decisions", ())]
    said += [{"wave": row["wave"], **decision} for row in record.waves for decision in row.get("decisions", ())]
    return sorted(said, key=lambda decision: str(decision["at"]))


def list_events(record: ExecutionRecord) -> list[dict[str, Any]]:
    """What happened in a run, oldest first, told from its record alone: `{at, event, wave, text}`."""
    meta, found = record.meta, list[dict[str, Any]]()

    def add(at: str | None, event: str, text: str, wave: str | None = None) -> None:
        if at:
            found.append({"at": at, "event": event, "wave": wave, "text": text})

    add(meta["requestedAt"], "REQUESTED", f"{meta['mode']} of {meta['planName']} by {meta['requestedBy']}")
    add(meta.get("startedAt"), "FIRST_JOB_STARTED", "the first job was started")
    for decision in _decisions(record):
        comment = f": {decision['comment']}" if decision["comment"] else ""
        add(decision["at"], "DECISION", f"{decision['decision']} by {decision['by']}{comment}", decision["wave"])
    for row in record.waves:
        add(row.get("startedAt"), "WAVE_STARTED", f"wave {row['wave']} started", row["wave"])
        add(row.get("endedAt"), f"WAVE_{row['status']}", row.get("reason", ""), row["wave"])
    for row in record.batches:
        place = f"batch {row['batch']} in {row['accountId']}/{row['region']}"
        for job in row.get("jobs", ()):
            said = f"{place}, attempt {job['attempt']}"
            add(job["startedAt"], "JOB_STARTED", f"{job['jobId']} for {said}", row["wave"])
            came_to = f"{job['launched']} launched, {job['failed']} failed"
            add(job.get("endedAt"), "JOB_ENDED", f"{job['jobId']} for {said}: {came_to}", row["wave"])
        if row["status"] == BatchStatus.LAUNCHING:
            add(row.get("jobStartedAt"), "JOB_STARTED", f"{row.get('jobId')} for {place} runs", row["wave"])
    add(meta.get("endedAt"), meta["status"], meta.get("reason", ""))
    return sorted(found, key=lambda event: str(event["at"]))


_SERVER = ("sourceServerId", "hostname", "wave", "accountId", "region", "readiness", "snapshotId", "snapshotAt")

_RESULT = ("recoveryInstanceId", "endedAt")


def server(row: Row, record: ExecutionRecord) -> dict[str, Any]:
    """A server. LAUNCHING is read off its batch, SKIPPED off its wave; neither is ever stored."""
    status, job_id, reason = row["status"], row.get("jobId"), row.get("reason")
    if status not in (ServerStatus.LAUNCHED, ServerStatus.EXCLUDED):
        batch = _batch_of(row, record.batches)
        wave = next(each for each in record.waves if each["wave"] == row["wave"])
        if batch and BatchStatus(batch["status"]).is_in_attempt and row["sourceServerId"] in batch["serverIds"]:
            status, job_id = ServerStatus.LAUNCHING.value, batch.get("jobId")
        elif status == ServerStatus.PENDING and WaveStatus(wave["status"]).is_final:
            status, reason = ServerStatus.SKIPPED.value, (batch or {}).get("reason") or wave.get("reason")
    return {
        **{key: row.get(key) for key in (*_SERVER, *_RESULT)},
        "optional": bool(row.get("optional")),
        "warnings": row.get("warnings", []),
        "status": status,
        "jobId": job_id,
        "reason": reason,
    }


def _batch_of(row: Row, batches: Iterable[Row]) -> Row | None:
    place = ("wave", "accountId", "region", "batch")
    return next((batch for batch in batches if all(batch[key] == row.get(key) for key in place)), None)
