"""How people read where plans and servers stand."""

from collections.abc import Mapping
from typing import Any

STATUS_WORDS = {
    "OVERDUE": "overdue",
    "NEVER_DRILLED": "never drilled",
    "DUE_SOON": "due soon",
    "COMPLIANT": "compliant",
    "NO_POLICY": "no policy",
}


def describe_status(status: object) -> str:
    """`due soon`. A status of a newer version stays as it is."""
    return STATUS_WORDS.get(str(status), str(status))


def describe_plan(plan: Mapping[str, Any]) -> str:
    """What there is to know of a plan beside its dates, in sentences: stale, not counted, paused, unknown."""
    last = plan["lastDrill"]
    parts = []
    if plan["stale"]:
        parts.append("Stale. " + " ".join(plan["stale"]))
        if plan["next"]:
            parts.append(f"The next drill is at {plan['next'][:16].replace('T', ' ')} UTC.")
    if last and not last["counts"]:
        parts.append(f"The last drill, {last['executionId']}, does not count. {' '.join(last['whyNot'])}")
    if plan["paused"]:
        parts.append("Its schedule is paused.")
    return " ".join([*parts, *plan["unknown"]])
