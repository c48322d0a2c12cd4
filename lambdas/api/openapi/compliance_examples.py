"""Examples of the answers about compliance, for the OpenAPI document."""

from typing import Any

from api.openapi.example_values import AT, GROUP, LATER, PLACE, PLAN, RUN, SERVER

_counts = {"total": 1, "current": 1, "stale": 0, "never": 0}

_in_plan = {**PLACE, "planId": PLAN, "planName": "shop", "groupId": GROUP, "groupName": "database servers"}

COMPLIANCE_ANSWERS: dict[str, dict[str, Any]] = {
    "Compliance": {
        "asOf": AT,
        "counts": {
            "plans": 1,
            "compliant": 1,
            "dueSoon": 0,
            "overdue": 0,
            "noDrillCounts": 0,
            "neverDrilled": 0,
            "withoutPolicy": 0,
            "unplannedServers": 1,
        },
        "plans": [
            {
                "planId": PLAN,
                "planName": "shop",
                "status": "COMPLIANT",
                "countsIf": "launched",
                "due": LATER,
                "next": LATER,
                "paused": False,
                "pause": None,
                "lastAppointment": None,
                "lastDrill": {"executionId": RUN, "at": AT, "status": "COMPLETED", "counts": True, "whyNot": []},
                "lastCounting": {"executionId": RUN, "at": AT, "verdict": None},
                "stale": [],
                "unknown": [],
                "servers": _counts,
            }
        ],
        "nextToken": None,
    },
    "ComplianceOfServers": {
        "asOf": AT,
        "servers": [
            {
                **_in_plan,
                "sourceServerId": SERVER,
                "hostname": "db-1",
                "status": "COMPLIANT",
                "lastCounting": {"executionId": RUN, "at": AT},
                "due": LATER,
                "why": None,
            }
        ],
        "nextToken": None,
    },
    "ComplianceOfGroups": {
        "asOf": AT,
        "groups": [{**_in_plan, "status": "COMPLIANT", "known": True, "listedAt": AT, "servers": _counts}],
        "nextToken": None,
    },
    "UnplannedServers": {
        "asOf": AT,
        "servers": [
            {
                "sourceServerId": SERVER,
                "hostname": "db-1",
                **PLACE,
                "replicationState": "CONTINUOUS",
                "seenAt": AT,
            }
        ],
        "targets": [{**PLACE, "seenAt": AT}],
        "nextToken": None,
    },
}
