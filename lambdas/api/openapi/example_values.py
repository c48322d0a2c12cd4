"""Ids and times of the examples, and the examples of actions."""

from typing import Any

PLAN, GROUP, RUN = "rp-0123456789ab", "pg-0123456789ab", "drill-20261122-081530-4f1c09"

READINESS_RUN = "readiness-20261122-071530-9b3e52"

ACCOUNT, REGION, SERVER = "111122223333", "us-west-2", "s-0123456789abcdef0"

INSTANCE, JOB = "i-0123456789abcdef0", "drsjob-0123456789abcdef0"

ANA = "arn:aws:iam::111122223333:user/ana"

AT, LATER = "2026-11-22T08:15:30.123Z", "2026-11-22T08:36:02.456Z"

PLACE = {"accountId": ACCOUNT, "region": REGION}

ACTION: dict[str, Any] = {
    "name": "freeze-writes",
    "wave": "database",
    "place": "before",
    "kind": "ssmAutomation",
    "title": "automation Shop-FreezeWrites",
    "status": "SUCCEEDED",
    "attempt": 1,
    "startedAt": AT,
    "endedAt": LATER,
    "until": None,
    "reason": None,
    **PLACE,
    "waitingFor": None,
}

LISTED_ACTION = ACTION | {
    "output": "Drained: 17",
    "parts": [
        {
            **PLACE,
            "key": f"{RUN}/database/before/1/1",
            "status": "SUCCEEDED",
            "id": "92853adf-ba41-4cd6-9a88-142d1e00aaaa",
            "instances": None,
            "note": None,
        }
    ],
}
