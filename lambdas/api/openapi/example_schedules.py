"""Examples of the answers about schedules of drills, for the OpenAPI document."""

from typing import Any

from api.openapi.example_values import ANA, AT, LATER, PLAN, RUN

_POLICY = {
    "schedule": "0 2 * * SAT",
    "timezone": "Europe/Berlin",
    "windowMinutes": 240,
    "automatic": True,
    "skipIfNotReady": True,
    "countsIf": "launched",
    "invalidatedBy": ["planChange", "serverAdded", "profileChange"],
    "since": AT,
}
_PAUSE = {"by": ANA, "at": AT, "comment": "frozen until the move is done"}
_PAST = {"at": AT, "status": "STARTED", "reason": None, "executionId": RUN, "checkId": None}

SCHEDULE_ANSWERS: dict[str, dict[str, Any]] = {
    "DrillSchedules": {
        "drillSchedules": [
            {
                "planId": PLAN,
                "planName": "shop",
                "policy": _POLICY,
                "paused": _PAUSE,
                "next": LATER,
                "current": None,
                "last": _PAST,
            }
        ],
        "nextToken": None,
    },
    "DrillSchedule": {
        "planId": PLAN,
        "planName": "shop",
        "policy": _POLICY,
        "paused": None,
        "current": None,
        "next": [{"at": LATER, "until": LATER}],
        "past": [_PAST],
        "pauses": [{**_PAUSE, "resumedBy": "ana", "resumedAt": "2026-11-30T08:00:00.000Z"}],
    },
}
