"""How people read where plans and servers stand."""

from collections.abc import Iterator, Mapping
from typing import Any

STATUS_WORDS = {
    "OVERDUE": "overdue",
    "NO_DRILL_COUNTS": "no drill counts",
    "NEVER_DRILLED": "never drilled",
    "DUE_SOON": "due soon",
    "COMPLIANT": "compliant",
    "NO_POLICY": "no policy",
}


def describe_status(status: object) -> str:
    """`due soon`. A status of a newer version stays as it is."""
    return STATUS_WORDS.get(str(status), str(status))


def describe_standing(plan: Mapping[str, Any]) -> str:
    """`due soon, stale`: the standing of a plan, and the mark of a drill that does not hold any more."""
    status = describe_status(plan["status"])
    return f"{status}, stale" if plan["stale"] else status


def describe_plan(plan: Mapping[str, Any]) -> str:
    """What there is to know of a plan beside its dates, in sentences: stale, not counted, missed, paused, unknown."""
    last = plan["lastDrill"]
    parts = []
    if plan["stale"]:
        parts.append("Stale. " + " ".join(plan["stale"]))
        if plan["next"]:
            parts.append(f"The next drill is at {_minute(plan['next'])}.")
    if last and not last["counts"]:
        parts.append(f"The last drill, {last['executionId']}, does not count. {' '.join(last['whyNot'])}")
    parts += describe_delay(plan)
    return " ".join([*parts, *plan["unknown"]])


def describe_delay(plan: Mapping[str, Any]) -> Iterator[str]:
    """Why no drill has begun, and what to do, each a sentence: the last appointment, the pause, the commands."""
    appointment, pause, plan_id = plan["lastAppointment"], plan["pause"], plan["planId"]
    if appointment and appointment["status"] != "STARTED":
        why = f": {appointment['reason'].rstrip('.')}" if appointment["reason"] else ""
        yield f"The drill of {_minute(appointment['at'])} was {appointment['status'].lower()}{why}."
    if pause:
        why = f": {pause['comment'].rstrip('.')}" if pause["comment"] else ""
        yield f"{pause['by']} has paused its schedule since {_minute(pause['at'])}{why}."
        yield f"To go on: drs-waves schedule resume {plan_id}"
    if plan["status"] == "OVERDUE":
        yield f"To drill it: drs-waves run {plan_id}"


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"
