"""Examples of launch settings, for the OpenAPI document."""

from typing import Any

from api.openapi.example_values import AT, GROUP, PLACE, RUN, SERVER

_TEMPLATE = "lt-0123456789abcdef0"

_now: dict[str, Any] = {
    "subnetIds": [],
    "securityGroups": [],
    "privateIp": "10.0.3.17",
    "instanceType": None,
    "instanceProfile": None,
    "tags": {},
    "disposition": "STARTED",
    "recoveryMode": "OPTIMAL",
}

_wanted = {
    **_now,
    "subnetIds": ["subnet-0123456789abcdef0"],
    "securityGroups": ["sg-0123456789abcdef0"],
    "privateIp": None,
    "instanceType": "t3.large",
}

LAUNCH_BODIES: dict[str, dict[str, Any]] = {"RestoreRequest": {**PLACE, "sourceServerIds": [SERVER]}}

LAUNCH_ANSWERS: dict[str, dict[str, Any]] = {
    "ChangedSettingsPage": {
        "launchSettings": [
            {
                **PLACE,
                "sourceServerId": SERVER,
                "status": "CHANGED",
                "executionId": RUN,
                "wave": "database",
                "batch": 0,
                "changedAt": AT,
                "reason": None,
                "launchTemplateId": _TEMPLATE,
                "versionBefore": 3,
                "version": 4,
                "configurationBefore": {"copyPrivateIp": True},
                "configuration": {"copyPrivateIp": False},
            }
        ],
        "nextToken": None,
    },
    "AppliedSettingsPage": {
        "launchSettings": [
            {
                "sourceServerId": SERVER,
                **PLACE,
                "wave": "database",
                "batch": 0,
                "attempt": 1,
                "appliedAt": AT,
                "state": "PUT_BACK",
                "reason": None,
                "launchTemplateId": _TEMPLATE,
                "version": 4,
                "subnetIds": ["subnet-0123456789abcdef0"],
                "securityGroups": ["sg-0123456789abcdef0"],
                "privateIp": None,
            }
        ],
        "nextToken": None,
    },
    "RestoreStarted": {"restore": "6f1c0c5e-8a34-4c0b-9a53-0d8f3a1c2b4d", **PLACE},
    "ProfiledSettingsPage": {
        "groupId": GROUP,
        **PLACE,
        "mode": "drill",
        "isolation": "required",
        "launchSettings": [
            {
                "sourceServerId": SERVER,
                "hostname": "db-1",
                "hasProfile": True,
                "launchTemplateId": _TEMPLATE,
                "version": 3,
                "changedBy": None,
                "now": _now,
                "wanted": _wanted,
                "changes": ["subnetIds", "securityGroups", "privateIp", "instanceType"],
                "refused": None,
                "unread": None,
            }
        ],
        "nextToken": None,
    },
}
