"""Recovery times and the age of launched data, against the targets of the plan."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from report.run_record import UNFINISHED, Record, is_unrecovered
from report.steps import measure_steps, measure_wave
from report.times import end_of, seconds_between
from report.waits import find_waits, seconds_around, total_seconds

# A PARTIAL wave may count as recovered: the plan or an operator accepted its result. Its servers say whether it is.
_RECOVERED = ("COMPLETED", "PARTIAL")

Servers = Sequence[Mapping[str, Any]]


def find_chain(record: Record) -> dict[str, Any] | None:
    """The runs that continue one another, oldest first, counted as one; None for a run that stands alone."""
    chain = record.get("chain")
    return dict(chain) if chain and len(chain["executions"]) > 1 else None


# --- RTO --------------------------------------------------------------------------------------------------------
def judge_rto(record: Record, servers: Servers) -> dict[str, Any]:
    """Recovery times against targets. `met` is None without a target, or while the answer is open.

    A wave or run that ended without a server that its plan requires has missed its target.
    """
    waits, end = find_waits(record), end_of(record)
    waves = []
    for wave in record["waves"]:
        judged = _against_target(
            wave["durationSeconds"],
            None if record["mode"] == "READINESS" else wave.get("rtoTargetMinutes"),
            [server for server in servers if server["wave"] == wave["name"]],
            is_over=wave["endedAt"] is not None,
            is_recovered=wave["status"] in _RECOVERED,
        )
        before, within = seconds_around(waits, wave, end)
        waited = {"waitedBeforeStartSeconds": before, "waitedWithinSeconds": within}
        waves.append({"wave": wave["name"], "status": wave["status"], **judged, **waited, **measure_wave(wave)})
    whole = _against_target(
        record["durationSeconds"],
        None if record["mode"] == "READINESS" else record.get("rtoTargetMinutes"),
        servers,
        is_over=record["status"] not in UNFINISHED,
        is_recovered=_has_recovered(record),
    )
    waited_for_people = round(total_seconds(waits))
    chain = _rto_of_chain(record, whole, servers)
    times = {"waitedForPeopleSeconds": waited_for_people, **measure_steps(record)}
    return {"whole": whole, "chain": chain, "waves": waves, **times}


def _rto_of_chain(record: Record, whole: Mapping[str, Any], servers: Servers) -> dict[str, Any] | None:
    """The time since the first request of the chain, against the plan's target; None for a run that stands alone.

    The servers are back when the last run of the chain has recovered what was left. Only its own report knows that of
    a run that is PARTIAL.
    """
    chain = find_chain(record)
    if chain is None:
        return None
    last = chain["executions"][-1]
    is_this = last["executionId"] == record["executionId"]
    seconds, target = chain["durationSeconds"], whole["targetMinutes"]
    is_recovered = last["status"] in _RECOVERED and (not is_this or _has_recovered(record))
    is_over = chain["endedAt"] is not None
    found = _against_target(seconds, target, servers if is_this else (), is_over=is_over, is_recovered=is_recovered)
    is_known = is_this or last["status"] != "PARTIAL" or found["met"] is False
    return found if is_known else {**found, "met": None}


def _has_recovered(record: Record) -> bool:
    return record["status"] in _RECOVERED and all(wave["status"] in _RECOVERED for wave in record["waves"])


def _against_target(
    seconds: int | None, target: int | None, servers: Servers, *, is_over: bool, is_recovered: bool
) -> dict[str, Any]:
    """`required` are the servers that are not optional, `unrecovered` those of them that are not back at the end."""
    unrecovered = sum(map(is_unrecovered, servers)) if is_over else 0
    met: bool | None = None
    if target is not None:
        if is_over:
            met = is_recovered and not unrecovered and seconds is not None and seconds <= target * 60
        elif seconds is not None and seconds > target * 60:
            met = False
    required = sum(not server["optional"] for server in servers)
    return {
        "seconds": seconds,
        "targetMinutes": target,
        "met": met,
        "required": required,
        "unrecovered": unrecovered,
    }


# --- RPO --------------------------------------------------------------------------------------------------------
def find_moment(record: Record) -> str:
    """The moment from which the age of data counts: the point in time that is recovered, or the request."""
    return str(record.get("pointInTime") or record["requestedAt"])


def measure_data(
    server: Mapping[str, Any], data_at: str | None, moment: str, target: int | None, *, is_past: bool = False
) -> dict[str, Any]:
    """How old the launched data was at the moment: when the run was requested, or the point in time that it recovers.

    While its source replicates, DRS launches a server from a snapshot that it takes after the request. That data is
    newer than the request. What a failure of the source would have cost is then the lag of the replica, which the run
    read when it inspected the server. `is_past` says that the moment is a point in time, for which that is no measure.
    """
    age: float | None = None
    is_newer = False
    if data_at:
        age = seconds_between(data_at, moment)
        is_newer = age < 0
        if is_newer:
            age = None if is_past else server.get("lagSeconds")
    return {
        "snapshotAt": data_at,
        "newerThanRequest": is_newer,
        "rpoSeconds": None if age is None else round(age),
        "rpoMet": None if age is None or target is None else age <= target * 60,
    }


def judge_rpo(record: Record, servers: Servers) -> dict[str, Any]:
    """The age of the data of launched servers, against the target."""
    measured_from = "pointInTime" if record.get("pointInTime") else "requestedAt"
    is_open = record["status"] in UNFINISHED
    return _judge_data(record, servers, measured_from, is_open=is_open)


def judge_rpo_of_chain(record: Record, servers: Servers, earlier: Servers | None) -> dict[str, Any] | None:
    """The same of all runs of the chain, from its first request; None if it cannot be known, or without a chain.

    `earlier` has the servers of the other runs. Of a server in several runs, the one that launched it counts.
    """
    chain = find_chain(record)
    if chain is None or earlier is None:
        return None
    moment = record.get("pointInTime") or chain["requestedAt"]
    is_past, target = bool(record.get("pointInTime")), record.get("rpoTargetMinutes")
    by_id: dict[str, Mapping[str, Any]] = {}
    for server in (*earlier, *servers):
        known = by_id.get(server["sourceServerId"])
        if known is None or known["status"] != "LAUNCHED":
            data_at = server.get("dataAt") or server.get("snapshotAt")
            data = measure_data(server, data_at, moment, target, is_past=is_past)
            by_id[server["sourceServerId"]] = {**server, **data}
    measured_from = "pointInTime" if is_past else "firstRequest"
    return _judge_data(record, list(by_id.values()), measured_from, is_open=chain["endedAt"] is None)


def _judge_data(record: Record, servers: Servers, measured_from: str, *, is_open: bool) -> dict[str, Any]:
    """A server that is not recovered at the end has missed the target, unless it is optional.

    `metVacuously`: all data is newer than the request, because every source still replicated, so the target was not
    put to a test. While the run is open, the target can be missed, but it is not met yet.
    """
    target = record.get("rpoTargetMinutes")
    launched = [server for server in servers if server["status"] == "LAUNCHED"]
    ages = [server["rpoSeconds"] for server in launched if server["rpoSeconds"] is not None]
    missed = sum(server["rpoMet"] is False for server in launched)
    unknown = len(launched) - len(ages)
    newer = sum(server["newerThanRequest"] for server in launched)
    unrecovered = 0 if is_open or record["mode"] == "READINESS" else sum(map(is_unrecovered, servers))
    met: bool | None = None
    if target is not None:
        met = _judge_ages(is_missed=bool(missed or unrecovered), is_known=bool(ages) and not unknown, is_open=is_open)
    return {
        "targetMinutes": target,
        "measuredFrom": measured_from,
        "known": len(ages),
        "unknown": unknown,
        "newerThanRequest": newer,
        "unrecovered": unrecovered,
        "worstSeconds": max(ages, default=None),
        "medianSeconds": round(statistics.median(ages)) if ages else None,
        "missed": missed,
        "met": met,
        "metVacuously": bool(met) and newer == len(launched),
    }


def _judge_ages(*, is_missed: bool, is_known: bool, is_open: bool) -> bool | None:
    if is_missed:
        return False
    return True if is_known and not is_open else None
