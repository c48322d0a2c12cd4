"""Examples of what people say of drills, for the OpenAPI document."""

from typing import Any

from api.openapi.example_values import ANA, AT, LATER, PLAN, RUN

_DUE = "2026-12-31"
_text = {"title": "DNS was changed by hand", "description": "No action of the plan does it.", "owner": "network team"}
_finding = {
    "findingId": "df-4f1c09ab27d3",
    "planId": PLAN,
    "executionId": RUN,
    **_text,
    "due": _DUE,
    "status": "CLOSED",
    "overdue": False,
    "openedBy": ANA,
    "openedAt": AT,
    "closedBy": ANA,
    "closedAt": LATER,
    "closingComment": "an action of the wave does it now",
    "version": 2,
}
_closing = {"change": "CLOSED", "by": ANA, "at": LATER, "comment": "an action of the wave does it now"}
_verdict = {"executionId": RUN, "verdict": "ACCEPTED", "comment": "orders went through", "by": ANA, "at": AT}
_stored_verdict = {**_verdict, "version": 1, "earlier": []}

DRILL_BODIES: dict[str, dict[str, Any]] = {
    "VerdictRequest": {"verdict": "ACCEPTED", "comment": "orders went through"},
    "DrillFindingRequest": {**_text, "due": "2099-12-31"},
    "DrillFindingUpdate": {**_text, "owner": "platform team", "due": "2099-12-31", "version": 1},
    "FindingDecision": {"comment": "an action of the wave does it now"},
}

DRILL_ANSWERS: dict[str, dict[str, Any]] = {
    "PersonVerdict": _stored_verdict,
    "DrillFinding": {**_finding, "changes": [_closing]},
    "DrillFindings": {"drillFindings": [_finding], "nextToken": None},
    "Assessment": {
        "executionId": RUN,
        "counts": True,
        "whyNot": [],
        "planHash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",  # pragma: allowlist secret
        "verdict": _stored_verdict,
        "previous": None,
        "changes": None,
        "findings": [],
        "carried": [_finding],
    },
}
