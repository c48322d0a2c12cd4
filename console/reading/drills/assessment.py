"""Whether a drill counts, what people say of it, and the evidence of a run."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.api_client import ApiClient
from cli.report.download import hide_urls
from console.reading.changes import Changed, describe_change
from console.reading.drills.parts import read_part
from recovery.identities import find_same_person

VERDICTS = {"accept": "ACCEPTED", "reject": "REJECTED"}


def read(api: ApiClient, run_id: str) -> dict[str, Any]:
    """The `record` of a run, and its parts `assessment` and `evidence`.

    The addresses of the files, which are secrets for minutes, are left out: a download asks for a new one. Raise
    ApiRefused, ApiUnreachable, CredentialsExpired.
    """
    return {
        "record": api.get(f"/executions/{run_id}"),
        "assessment": read_part("The assessment", lambda: api.get(f"/executions/{run_id}/assessment")),
        "evidence": read_part("The evidence", lambda: _read_evidence(api, run_id)),
    }


def _read_evidence(api: ApiClient, run_id: str) -> dict[str, Any]:
    found = api.get(f"/executions/{run_id}/evidence")
    return {**found, "evidence": [hide_urls(each) for each in found["evidence"]]}


def is_by_requester(found: Mapping[str, Any] | None, record: Mapping[str, Any]) -> bool:
    """Whether the verdict is of a person who may have started the run."""
    verdict = found["verdict"] if found else None
    requesters = record.get("requesters") or [record["requestedBy"]]
    return verdict is not None and find_same_person(verdict["by"], requesters) is not None


def mark_verdict(found: Mapping[str, Any]) -> str:
    """What a dialog about the verdict has shown: the verdict that there is, and whether the drill counts."""
    verdict = found["verdict"]
    said = f"{verdict['verdict']} {verdict['version']}" if verdict else "none"
    return f"{said} {'yes' if found['counts'] else 'no' if found['counts'] is False else 'open'}"


def list_effects(found: Mapping[str, Any], record: Mapping[str, Any], decision: str) -> Iterator[str]:
    """What a verdict on this run does."""
    verdict, is_drill = found["verdict"], record["mode"] == "DRILL"
    if verdict:
        yield f"It replaces the verdict {verdict['verdict']} of {verdict['by']}, which stays on record."
    if decision == "reject":
        if is_drill:
            yield "The drill does not count, whatever it launched. The plan has to be drilled again by its deadline."
        yield "A message tells the operators."
    else:
        yield f"You say that the {record['mode'].lower()} has shown what it had to. Its open findings stay open."
        if found["counts"] is False and not verdict:
            yield "The drill does not count by its result, and your verdict does not change that: " + "; ".join(
                found["whyNot"]
            )
        if record.get("fourEyes"):
            yield "Four eyes: the API takes this from another person than the one who started the run."
    yield "Evidence of the run is written again, with your verdict in the report."


def list_changes(found: Mapping[str, Any]) -> list[Changed] | None:
    """What has changed since the drill before, in words; None if there was none."""
    if found["changes"] is None:
        return None
    return [describe_change(each["field"], each["before"], each["after"], each["subject"]) for each in found["changes"]]
