"""An example of each request body and each answer, for the OpenAPI document."""

from typing import Any

from api.openapi.compliance_examples import COMPLIANCE_ANSWERS
from api.openapi.drill_examples import DRILL_ANSWERS, DRILL_BODIES
from api.openapi.example_evidence import EVIDENCE_ANSWERS
from api.openapi.example_fleet import FLEET_ANSWERS
from api.openapi.example_history import HISTORY_ANSWERS
from api.openapi.example_launches import LAUNCH_ANSWERS, LAUNCH_BODIES
from api.openapi.example_schedules import SCHEDULE_ANSWERS
from api.openapi.example_values import (
    ACCOUNT,
    ACTION,
    ANA,
    AT,
    GROUP,
    INSTANCE,
    JOB,
    LATER,
    LISTED_ACTION,
    PLACE,
    PLAN,
    REGION,
    RUN,
    SERVER,
)
from api.openapi.readiness_examples import READINESS_ANSWERS

_account = {"name": "shop production", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/drs-waves-target", "regions": [REGION]}

_author = {"updatedBy": ANA, "updatedAt": AT}

_group = {"name": "database servers", **PLACE, "sourceServerIds": [SERVER]}

_plan = {"name": "shop", "waves": [{"name": "database", "groups": [{"groupId": GROUP}]}]}

_stored_account = {"accountId": ACCOUNT, **_account, "version": 1}

_stored_group = {"groupId": GROUP, **_group, "description": "", "version": 1, **_author, "usedBy": [PLAN]}

_plan_as_run = {
    "planId": PLAN,
    "name": "shop",
    "description": "",
    "launchAttempts": 2,
    "waves": [
        {
            "name": "database",
            "groups": [{"groupId": GROUP}],
            "dependsOn": [],
            "runAfter": "success",
            "maxFailedPercent": 0,
            "onFailure": "continue",
        }
    ],
    "version": 1,
    **_author,
}

_stored_plan = {**_plan_as_run, "activeExecutionId": None}

_run = {
    "executionId": RUN,
    "planId": PLAN,
    "planName": "shop",
    "mode": "DRILL",
    "status": "PENDING",
    "reason": None,
    "requestedAt": AT,
    "requestedBy": ANA,
    "startedAt": None,
    "endedAt": None,
}

_counts = {"total": 1, "launched": 0, "failed": 0, "excluded": 0, "launching": 1}

_batch: dict[str, Any] = {
    "wave": "database",
    **PLACE,
    "batch": 0,
    "status": "LAUNCHING",
    "attempt": 1,
    "jobId": JOB,
    "startedAt": AT,
    "jobStartedAt": AT,
    "jobSeconds": 90,
    "stage": "conversion",
    "stageAt": AT,
    "usualSeconds": 1200,
    "overdueAt": None,
    "endedAt": None,
    "reason": None,
    "servers": 1,
    "jobs": [],
    "outages": [],
}

_listed: dict[str, Any] = {**_run, "state": "STARTING", "waitingFor": []}

_execution: dict[str, Any] = {
    **_listed,
    "status": "POLLING",
    "state": "RUNNING",
    "startedAt": AT,
    "pointInTime": None,
    "replaceExisting": False,
    "fourEyes": False,
    "commentsRequired": False,
    "requesters": [ANA],
    "continues": None,
    "continuedBy": None,
    "chain": {
        "executions": [{"executionId": RUN, "status": "POLLING", "requestedAt": AT, "endedAt": None}],
        "requestedAt": AT,
        "endedAt": None,
        "durationSeconds": 95,
        "servers": {"total": 1, "launched": 0, "failed": 0, "excluded": 0},
    },
    "cancelledBy": None,
    "stopReason": None,
    "rpoTargetMinutes": 60,
    "rtoTargetMinutes": 240,
    "overdueAt": None,
    "executionArn": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:drs-waves-recover-plan:{RUN}",
    "durationSeconds": 95,
    "servers": _counts,
    "progress": {"waves": 1, "wavesEnded": 0},
    "waits": [],
    "decisions": [],
    "notes": [],
    "waves": [
        {
            "name": "database",
            "order": 0,
            "status": "IN_PROGRESS",
            "dependsOn": [],
            "startedAt": AT,
            "endedAt": None,
            "reason": None,
            "rtoTargetMinutes": 60,
            "overdueAt": None,
            "round": 0,
            "durationSeconds": 90,
            "servers": _counts,
            "launchedAt": None,
            "verifiedAt": None,
            "checks": None,
            "earlierVerdicts": [],
        }
    ],
    "actionsOption": "run",
    "profilesOption": "apply",
    "reserveCapacity": False,
    "actions": [ACTION],
    "batches": [_batch],
    "batchesLeftOut": 0,
}

_instance = {
    "sourceServerId": SERVER,
    "recoveryInstanceId": INSTANCE,
    "ec2InstanceId": INSTANCE,
    "ec2InstanceState": "RUNNING",
    "name": "db-1",
    "privateIp": "10.0.3.17",
    "publicIp": None,
    "instanceType": "m5.large",
    "launchTime": AT,
    **PLACE,
    "jobId": JOB,
    "sourceExecutionId": RUN,
    "sourcePlanId": PLAN,
    "isDrill": True,
    "replicationStagingAccountId": ACCOUNT,
    "sourceVpcId": None,
    "vpcId": "vpc-0123456789abcdef0",
    "subnetId": "subnet-0123456789abcdef0",
    "securityGroupIds": ["sg-0123456789abcdef0"],
    "instanceProfile": None,
    "pointInTimeSnapshotAt": AT,
    "lastSyncAt": LATER,
}

_reachable = {"region": REGION, "status": "OK", "message": None, "advice": None}

# By the name of the model.
BODIES: dict[str, dict[str, Any]] = {
    "AccountRequest": {"accountId": ACCOUNT, **_account, "externalId": "a-secret-of-both-sides"},
    "AccountUpdate": {**_account, "version": 1},
    "GroupRequest": _group,
    "GroupUpdate": {**_group, "version": 1},
    "PlanRequest": _plan,
    "PlanUpdate": {**_plan, "version": 1},
    "StartRequest": {"pointInTime": "2026-11-22T06:00:00Z"},
    "StartRecoveryRequest": {"pointInTime": "2026-11-22T06:00:00Z", "launchProfiles": "apply"},
    "StartDrillRequest": {"pointInTime": "2026-11-22T06:00:00Z", "actions": "run"},
    "ContinueRequest": {"replaceExisting": False},
    "DecisionRequest": {"comment": "the database has been checked"},
    "SyncRequest": {"targets": [PLACE]},
    "CleanupRequest": {},
    **LAUNCH_BODIES,
    **DRILL_BODIES,
}

ANSWERS: dict[str, dict[str, Any]] = {
    **COMPLIANCE_ANSWERS,
    **HISTORY_ANSWERS,
    **READINESS_ANSWERS,
    **SCHEDULE_ANSWERS,
    **FLEET_ANSWERS,
    "TargetAccount": _stored_account,
    "TargetAccounts": {"targetAccounts": [_stored_account], "nextToken": None},
    "Verification": {"accountId": ACCOUNT, "ok": True, "regions": [_reachable], "refusedSteps": []},
    "ProtectionGroup": _stored_group,
    "ProtectionGroups": {"protectionGroups": [_stored_group], "nextToken": None},
    "PlanContent": _plan_as_run,
    "RecoveryPlan": _stored_plan,
    "RecoveryPlanRead": {**_stored_plan, "drillInstances": {"count": 1, "since": AT, "executions": [RUN]}},
    "RecoveryPlans": {"recoveryPlans": [_stored_plan], "nextToken": None},
    "ExecutionSummary": _run,
    "Executions": {"executions": [_listed], "nextToken": None},
    "Execution": _execution,
    "Batches": {"batches": [_batch], "nextToken": None},
    "ListedActions": {"actions": [LISTED_ACTION]},
    "Servers": {
        "servers": [
            {
                "sourceServerId": SERVER,
                "hostname": "db-1",
                "wave": "database",
                **PLACE,
                "readiness": "READY",
                "snapshotId": None,
                "snapshotAt": None,
                "lagSeconds": 0,
                "recoveryInstanceId": INSTANCE,
                "dataAt": AT,
                "endedAt": LATER,
                "optional": False,
                "groups": [GROUP],
                "warnings": [],
                "status": "LAUNCHED",
                "jobId": JOB,
                "reason": None,
                "cause": None,
                "advice": None,
                "verification": {
                    "status": "UNVERIFIED",
                    "check": "http :8080/health",
                    "passed": ["boot", "agent"],
                    "output": "HTTP 503",
                    "reason": "not passed within 30 minutes",
                    "at": LATER,
                },
            }
        ],
        "nextToken": None,
    },
    "Events": {
        "events": [{"at": AT, "event": "REQUESTED", "wave": None, "text": f"DRILL of shop by {ANA}"}],
        "nextToken": None,
    },
    "JobLog": {
        "jobLog": [{"event": "JOB_START", "logDateTime": "2026-11-22T08:16:00Z", "eventData": {}}],
        "nextToken": None,
    },
    "RecoveryInstances": {"recoveryInstances": [_instance], "nextToken": None},
    "SyncStarted": {"sync": "1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d", "startedAt": AT},
    "SyncStatus": {
        "status": "OK",
        "lastSync": {"beganAt": AT, "endedAt": LATER, "targets": 1, "failed": 0},
        "targets": [
            {
                **PLACE,
                "status": "SYNCED",
                "lastSyncAt": AT,
                "instances": 1,
                "seconds": 2,
                "error": None,
                "failedAt": None,
            }
        ],
    },
    "Cleanup": {
        "executionId": RUN,
        "executions": [RUN],
        "status": "RUNNING",
        "run": 1,
        "askedAt": AT,
        "askedBy": ANA,
        "endedAt": None,
        "reason": None,
        "cleanup": f"{RUN}_cleanup-1",
        "instances": {"total": 1, "terminated": 0, "failed": 0},
        "jobs": [{**PLACE, "status": "TERMINATING", "jobId": JOB, "instances": 1}],
        "failures": [],
    },
    "SourceServers": {
        **PLACE,
        "sourceServers": [
            {
                "sourceServerId": SERVER,
                "hostname": "db-1",
                "tags": {"tier": "database"},
                "replicationState": "CONTINUOUS",
                "lagSeconds": 0,
                "replicationError": None,
                "lastSeenAt": AT,
                "lastLaunchResult": "SUCCEEDED",
                "recoveryInstanceId": INSTANCE,
            }
        ],
        "nextToken": None,
    },
    "ApiRoot": {
        "name": "drs-waves",
        "version": "0.1.0",
        "links": {"openapi": "/openapi.json", "health": "/health"},
    },
    "Health": {"status": "ok", "version": "0.1.0", "tables": {"executions": "ok"}},
    "OpenapiDocument": {"openapi": "3.1.0"},
    **EVIDENCE_ANSWERS,
    **LAUNCH_ANSWERS,
    **DRILL_ANSWERS,
}
