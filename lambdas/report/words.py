"""The words and forms in which people read waves, times and counts."""

from collections.abc import Mapping
from typing import Any

from recovery.wording import plural
from report.run_record import Record, find_step

WAVE_WORDS = {
    "WAITING": "not started",
    "PAUSED": "paused",
    "AWAITING_APPROVAL": "waits for approval",
    "IN_PROGRESS": "launching",
    "AWAITING_DECISION": "waits for a decision",
}
WAITS_FOR_DRS = "waits for DRS"
# A wave between the checks of its servers and what follows them.
HAS_CHECKED = "checked"
# A wave of a continuation whose servers the runs before it launched.
NOTHING_LEFT = "nothing was left"
# A wave that has been on for so long without a batch waits for an account and Region that was not inspected yet.
_SECONDS_WITHOUT_BATCH = 60


def describe_wave_state(record: Record, wave: Mapping[str, Any]) -> str:
    """Where a wave is, in the words that people see: `not started`, `waits for DRS`, `COMPLETED`."""
    if wave["status"] == "IN_PROGRESS" and not wave["servers"]["launching"]:
        if step := find_step(record, wave):
            return step
        batches = [batch for batch in record["batches"] if batch["wave"] == wave["name"]]
        if any(_is_kept_waiting(batch) for batch in batches):
            return WAITS_FOR_DRS
        if wave.get("checks"):
            return HAS_CHECKED
        if not batches and _is_uninspected(record, wave):
            return WAITS_FOR_DRS
    status: str = wave["status"]
    if status == "COMPLETED" and record.get("continues") and not wave["servers"]["total"]:
        return NOTHING_LEFT
    return WAVE_WORDS.get(status, status)


def _is_uninspected(record: Record, wave: Mapping[str, Any]) -> bool:
    return not record.get("batchesLeftOut") and (wave["durationSeconds"] or 0) > _SECONDS_WITHOUT_BATCH


def _is_kept_waiting(batch: Mapping[str, Any]) -> bool:
    return any(outage["until"] is None for outage in batch.get("outages", ()))


def format_duration(seconds: float | None) -> str:
    """`21:08`, or `1:21:08` from an hour on."""
    if seconds is None:
        return ""
    hours, rest = divmod(max(int(seconds), 0), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def format_unrecovered(unrecovered: int, required: int) -> str:
    """The same of counts."""
    was = "was" if unrecovered == 1 else "were"
    return f"{unrecovered} of {plural(required, 'server')} {was} not recovered" if unrecovered else ""
