"""Examples of answers about accounts and Regions: their capacity, and what drills have left running there."""

from typing import Any

from api.openapi.example_values import AT, PLACE, PLAN, RUN

_capacity: dict[str, Any] = {
    **PLACE,
    "status": "OK",
    "message": None,
    "advice": None,
    "jobs": {"used": 3, "free": 17, "quota": 20},
    "serversInJobs": {"used": 250, "free": 250, "quota": 500},
    "replicatingServers": {"used": 60, "free": 240, "quota": 300, "byState": {"CONTINUOUS": 60}},
    "largestJob": 100,
    "quotasFrom": "Service Quotas",
    "circuit": {"state": "closed", "failures": 0, "since": None, "until": None, "reason": None},
}

FLEET_ANSWERS: dict[str, dict[str, Any]] = {
    "CapacityOfAll": {"at": AT, "targets": [_capacity], "accountsWithoutRegions": [], "nextToken": None},
    "CapacityOfAccount": {"at": AT, "targets": [_capacity], "accountsWithoutRegions": []},
    "CapacityOfTarget": {"at": AT, **_capacity},
    "RunningDrills": {
        "at": AT,
        "drills": [
            {
                **PLACE,
                "executionId": RUN,
                "planId": PLAN,
                "instances": 3,
                "since": AT,
                "types": {"m5.large": 2, "p4d.24xlarge": 1},
                "unpriced": 1,
                "usdPerHour": 0.288,
                "usdSoFar": 2.3,
            }
        ],
        "unread": [],
        "pricesOf": "2026-06-30",
        "pricesIn": "us-east-1",
        "nextToken": None,
    },
}
