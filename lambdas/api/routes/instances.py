"""Recovery instances as the cache has them, its sync, and the clean-up after drills."""

import re
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import Field

from api.http import response
from api.http.request import (
    ID_PATTERN,
    caller,
    invalid_field,
    json_body,
    page_parameters,
    plan_id_filter,
    query_parameters,
    require_id,
)
from api.schemas import requests
from api.schemas.requests import AccountId, Region, RequestModel, StartRequest
from recovery.aws.pagination import Page
from recovery.cache import recovery_instances
from recovery.cache.start_sync import read_sync_status, start_cache_sync
from recovery.cleanup import cleanup
from recovery.domain.cleanup_chunk import Chunk
from recovery.domain.recovery_instance import RecoveryInstance
from recovery.domain.target import Target
from recovery.errors import ExecutionNotFound, InvalidRequest
from recovery.store import cleanups, executions

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped

# One BatchGetItem; a URL has room for twice as many.
MOST_SERVERS = 100

_is_server = re.compile(r"s-[0-9a-zA-Z]{17}").fullmatch

_is_account = re.compile(r"[0-9]{12}").fullmatch

_is_region = re.compile(r"[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}").fullmatch

SELECTORS = ("planId", "executionId", "sourceServerIds", "accountId")


class TargetRequest(RequestModel):
    """An account and Region."""

    account_id: AccountId
    region: Region


class SyncRequest(RequestModel):
    """Body of a sync; without targets it is of all."""

    targets: list[TargetRequest] | None = Field(default=None, min_length=1, max_length=100)


@router.get("/recovery-instances")
def list_instances() -> dict[str, Any]:
    """Of a plan, an execution, an account and Region, or of up to 100 source servers."""
    asked = query_parameters(router.current_event)
    chosen = [name for name in SELECTORS if name in asked]
    if len(chosen) != 1:
        raise invalid_field(
            chosen[1] if chosen else "planId",
            "give one of planId, executionId, sourceServerIds, or accountId with region",
        )
    if "region" in asked and chosen != ["accountId"]:
        raise invalid_field("region", "goes with accountId alone")
    if chosen == ["sourceServerIds"]:
        for name in ("limit", "nextToken"):
            if name in asked:
                raise invalid_field(name, "does not go with sourceServerIds")
        return _of_servers(_server_ids(asked["sourceServerIds"]))
    page = _page(chosen[0], asked)
    return {"recoveryInstances": [_shown(row) for row in page.items], "nextToken": page.next_token}


def _page(selector: str, asked: dict[str, str]) -> Page:
    limit, token = page_parameters(router.current_event)
    if selector == "planId":
        return recovery_instances.list_by_plan(plan_id_filter(router.current_event) or "", limit, token)
    if selector == "executionId":
        if not re.fullmatch(ID_PATTERN, asked["executionId"]):
            raise invalid_field("executionId", "must be the id of an execution")
        return recovery_instances.list_by_execution(asked["executionId"], limit, token)
    if not _is_account(asked["accountId"]):
        raise invalid_field("accountId", "must have 12 digits")
    if not _is_region(asked.get("region", "")):
        raise invalid_field("region", "must be the code of a Region")
    return recovery_instances.list_by_target(Target(asked["accountId"], asked["region"]), limit, token)


def _server_ids(text: str) -> list[str]:
    ids = text.split(",")
    if len(ids) > MOST_SERVERS:
        raise invalid_field("sourceServerIds", f"name at most {MOST_SERVERS} source servers, not {len(ids)}")
    for number, server_id in enumerate(ids):
        if not _is_server(server_id):
            raise invalid_field(f"sourceServerIds[{number}]", "must be the id of a source server")
    if len(set(ids)) != len(ids):
        raise invalid_field("sourceServerIds", "names a server twice")
    return ids


def _of_servers(server_ids: list[str]) -> dict[str, Any]:
    rows = recovery_instances.get_rows_by_server(server_ids)
    return {
        "recoveryInstances": [_shown(rows[server_id]) for server_id in server_ids if server_id in rows],
        "missing": [server_id for server_id in server_ids if server_id not in rows],
        "nextToken": None,
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**RecoveryInstance.from_item(row).to_item(), "lastSyncAt": recovery_instances.last_sync_at(row)}


# --- the sync ---------------------------------------------------------------------------------------------------
@router.post("/drs/recovery-instance-sync")
def start_sync() -> Response[str]:
    """202 with the sync that was started, of all targets or of those in the body."""
    request = requests.parse(SyncRequest, json_body(router.current_event, may_be_empty=True))
    targets = [Target(one.account_id, one.region) for one in request.targets or ()]
    return response.created("/drs/recovery-instance-sync/status", start_cache_sync(targets), status=202)


@router.get("/drs/recovery-instance-sync/status")
def sync_status() -> dict[str, Any]:
    """How fresh each target is, and how the last sync went."""
    return read_sync_status()


OPERATIONS = {
    "sync_recovery_instances": lambda: start_cache_sync([]),
    "get_recovery_instance_sync_status": read_sync_status,
}


def operate(event: dict[str, Any]) -> dict[str, Any]:
    """Answer a direct invocation, `{"operation": name}`. Raise InvalidRequest for a name that is not known."""
    operation = OPERATIONS.get(str(event["operation"]))
    if operation is None:
        raise InvalidRequest(f"there is no operation {event['operation']!r}; known are {', '.join(OPERATIONS)}")
    return operation()


# --- clean-up ---------------------------------------------------------------------------------------------------
@router.post("/executions/<execution_id>/cleanup")
def start_cleanup(execution_id: str) -> Response[str]:
    """202 with the clean-up that is now on, whoever started it; 409 for a recovery and for a drill that still runs."""
    requests.parse(StartRequest, json_body(router.current_event, may_be_empty=True))
    execution_id = require_id(execution_id, ExecutionNotFound, "execution")
    row = cleanup.start_cleanup(execution_id, caller(router.current_event))
    return response.created(f"/executions/{execution_id}/cleanup", _cleanup(row, []), status=202)


@router.get("/executions/<execution_id>/cleanup")
def read_cleanup(execution_id: str) -> dict[str, Any]:
    """How far the clean-up of a drill is; status NONE when there was none."""
    execution_id = require_id(execution_id, ExecutionNotFound, "execution")
    executions.get_execution(execution_id)
    row = cleanups.get_cleanup(execution_id)
    if row is None:
        return _cleanup({"executionId": execution_id, "status": "NONE"}, [])
    return _cleanup(row, cleanups.list_chunks(execution_id, int(row["run"])))


def _cleanup(row: dict[str, Any], parts: list[Chunk]) -> dict[str, Any]:
    shown = {
        name: row.get(name) for name in ("executionId", "status", "run", "askedAt", "askedBy", "endedAt", "reason")
    }
    return {
        **shown,
        "cleanup": row.get("machine"),
        "instances": {
            "total": sum(len(chunk.instances) for chunk in parts),
            "terminated": sum(len(chunk.gone) for chunk in parts),
            "failed": sum(len(chunk.failed) for chunk in parts),
        },
        "jobs": [
            {
                **chunk.ref.target.to_state(),
                "status": chunk.status,
                "jobId": chunk.job_id,
                "instances": len(chunk.instances),
            }
            for chunk in parts
        ],
        "failures": [
            {
                "recoveryInstanceId": instance_id,
                "sourceServerId": chunk.instances[instance_id],
                **chunk.ref.target.to_state(),
                "reason": reason,
            }
            for chunk in parts
            for instance_id, reason in sorted(chunk.failed.items())
        ],
    }
