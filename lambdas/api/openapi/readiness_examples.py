"""Examples of the answers about readiness, for the OpenAPI document."""

from typing import Any

from api.openapi.example_values import AT, LATER, PLACE, PLAN, READINESS_RUN, SERVER

READINESS_ANSWERS: dict[str, dict[str, Any]] = {
    "PlanReadiness": {
        "planId": PLAN,
        "executionId": READINESS_RUN,
        "status": "NOT_READY",
        "reason": "wave database: 1 of 1 server cannot be recovered",
        "at": AT,
        "ageSeconds": 3600,
        "findings": {"BLOCKING": 1, "WARNING": 0, "NOTE": 0},
        "blockingCodes": ["SUBNET_MISSING"],
        "readinessEveryHours": 24,
        "nextAt": LATER,
        "cost": {
            "hours": 8,
            "servers": 1,
            "instances": 0.77,
            "volumes": 0.03,
            "conversion": 0.02,
            "total": 0.82,
            "currency": "USD",
            "pricesOf": "2026-06-30",
            "assumptions": ["instances run for 8 h, because the plan has no cleanUpAfterHours"],
        },
    },
    "Findings": {
        "findings": [
            {
                **PLACE,
                "code": "SUBNET_MISSING",
                "severity": "BLOCKING",
                "title": "A subnet does not exist",
                "evidence": "subnet-0123456789abcdef0 of the launch template lt-0123456789abcdef0",
                "remedy": "Name a subnet that exists in the default version of the template",
                "modes": ["drill", "recovery"],
                "servers": 1,
                "sourceServerIds": [SERVER],
            }
        ],
        "isolation": [],
        "looks": [],
    },
}
