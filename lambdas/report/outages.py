"""When DRS kept a run waiting: it did not answer, throttled, or was busy with a server."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from recovery.wording import shorten_outage
from report.run_record import Record
from report.times import end_of, seconds_between


def find_outages(record: Record) -> list[dict[str, Any]]:
    """The outages of each wave in each target, oldest first. Those of its batches at the same time are one.

    `until` is None for one that lasts.
    """
    end = end_of(record)
    by_place: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for batch in record["batches"]:
        for outage in batch.get("outages", ()):
            by_place[batch["wave"], batch["accountId"], batch["region"]].append(outage)
    found = []
    for (wave, account_id, region), outages in by_place.items():
        for merged in _merge(outages, end):
            seconds = round(max(seconds_between(merged["since"], merged["until"] or end), 0))
            reason = shorten_outage(f"{account_id}/{region}", merged["reason"])
            place = {"accountId": account_id, "region": region}
            found.append({"wave": wave, **place, **merged, "seconds": seconds, "reason": reason})
    return sorted(found, key=lambda outage: (outage["since"], outage["wave"], outage["accountId"], outage["region"]))


def _merge(outages: Iterable[dict[str, Any]], end: str) -> list[dict[str, Any]]:
    merged = list[dict[str, Any]]()
    for outage in sorted(outages, key=lambda each: str(each["since"])):
        last = merged[-1] if merged else None
        if last is None or outage["since"] > (last["until"] or end):
            merged.append({**outage, "batches": 1})
            continue
        last["batches"] += 1
        is_over = last["until"] is not None and outage["until"] is not None
        last["until"] = max(last["until"], outage["until"]) if is_over else None
    return merged
