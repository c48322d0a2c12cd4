"""The assessment of a run in its report, from `GET /executions/{executionId}/assessment`."""

from collections.abc import Mapping
from typing import Any

from recovery.domain.drills.differences import Difference, put_in_words
from recovery.identities import find_same_person
from report.reader import NotRead, Reader
from report.run_record import Record

_OF_OPINION = ("verdict", "comment", "by", "at")
_OF_FINDING = (
    *("findingId", "executionId", "title", "description", "owner", "due", "status", "overdue"),
    *("openedBy", "openedAt", "closedBy", "closedAt", "closingComment"),
)


def read_assessment(api: Reader, record: Record) -> Mapping[str, Any] | None:
    """The assessment of a drill or a recovery; None for other runs, and if the API does not answer, or is too old."""
    if record["mode"] == "READINESS":
        return None
    try:
        found: dict[str, Any] = api.get(f"/executions/{record['executionId']}/assessment")
    except NotRead:
        return None
    return found


def describe_assessment(record: Record, found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The assessment as report.json has it; None if there is none."""
    if found is None:
        return None
    return {
        "counts": found["counts"],
        "whyNot": list(found["whyNot"]),
        "planHash": found["planHash"],
        "verdict": _describe_verdict(record, found["verdict"]),
        "previous": found["previous"] and dict(found["previous"]),
        "changes": None if found["changes"] is None else [dict(change) for change in found["changes"]],
        "findings": [_choose(each, _OF_FINDING) for each in found["findings"]],
        "carried": [_choose(each, _OF_FINDING) for each in found["carried"]],
    }


def _describe_verdict(record: Record, verdict: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The verdict with the earlier ones. `bySamePerson` says whether its author may have started the run."""
    if verdict is None:
        return None
    requesters = record.get("requesters") or [record["requestedBy"]]
    return {
        **_choose(verdict, _OF_OPINION),
        "bySamePerson": find_same_person(verdict["by"], requesters) is not None,
        "earlier": [_choose(each, _OF_OPINION) for each in verdict["earlier"]],
    }


def _choose(item: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: item[name] for name in names}


def list_changes(assessment: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """What changed since the drill before, in words: where, what, and the values before and now."""
    listed = []
    for change in (assessment or {}).get("changes") or ():
        said = put_in_words(Difference(change["field"], change["before"], change["after"]))
        listed.append({"where": change["subject"], "what": said.field, "before": said.before, "after": said.after})
    return listed
