"""What people have said of a run, in a line: the verdict, and the findings that are open."""

from collections.abc import Mapping
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused
from recovery.free_text import flatten
from recovery.wording import plural
from report.run_record import UNFINISHED, Record

JUDGED = {"ACCEPTED": "accepted", "REJECTED": "rejected"}


def read_assessment(api: ApiClient, record: Record) -> Mapping[str, Any] | None:
    """The assessment of a drill or a recovery that has ended; None for others, and if the API does not know it."""
    if record["mode"] == "READINESS" or record["status"] in UNFINISHED:
        return None
    try:
        found: dict[str, Any] = api.get(f"/executions/{record['executionId']}/assessment")
    except (ApiRefused, ApiUnreachable):  # a deployment that is older than this command
        return None
    return found


def describe_counting(assessment: Mapping[str, Any] | None) -> str | None:
    """`the drill does not count: it is rejected by ana`; None if it counts, or is not judged."""
    if assessment is None or assessment["counts"] is not False:
        return None
    return flatten(f"the drill does not count: {' '.join(assessment['whyNot'])}")


def describe_assessment(assessment: Mapping[str, Any] | None) -> str | None:
    """`rejected by ana: orders failed; 2 drill findings open, 1 overdue`; None if nothing was said."""
    if assessment is None:
        return None
    parts = []
    if verdict := assessment["verdict"]:
        comment = f": {verdict['comment']}" if verdict["comment"] else ""
        parts.append(flatten(f"{JUDGED[verdict['verdict']]} by {verdict['by']}{comment}"))
    left = [each for each in (*assessment["findings"], *assessment["carried"]) if each["status"] == "OPEN"]
    if left:
        overdue = sum(each["overdue"] for each in left)
        parts.append(f"{plural(len(left), 'drill finding')} open{f', {overdue} overdue' if overdue else ''}")
    return "; ".join(parts) or None
