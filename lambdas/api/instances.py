"""Recovery instances as the cache has them, its sync, and the clean-up after drills."""

import re
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from pydantic import Field

from api import inputs
from api.answers import created
from api.requests import AccountId, Region, StartRequest, _Request, parse
from recovery import chunks, cleanup, instances, store, syncing
from recovery.chunks import Chunk
from recovery.errors import ExecutionNotFound, InvalidRequest
from recovery.instance import RecoveryInstance
from recovery.pages import Page
from recovery.target import Target

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped

# One BatchGetItem; a URL has room for twice as many.
MOST_SERVERS = 100
_is_server = re.compile(r"s-[0-9a-zA-Z]{17}").fullmatch
_is_account = re.compile(r"[0-9]{12}").fullmatch
_is_region = re.compile(r"[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}").fullmatch
SELECTORS = ("planId", "executionId", "sourceServerIds", "accountId")


class TargetRequest(_Request):
    """An account and Region."""

    account_id: AccountId
    region: Region


class SyncRequest(_Request):
    """Body of a sync; without targets it is of all."""

    targets: list[TargetRequest] | None = Field(default=None, min_length=1, max_length=100)


@router.get("/recovery-instances")
def list_instances() -> dict[str, Any]:
    """Of a plan, an execution, an account and Region, or of up to 100 source servers."""
    asked = inputs.query(router.current_event)
    chosen = [name for name in SELECTORS if name in asked]
    if len(chosen) != 1:
        raise inputs.invalid(
            chosen[1] if chosen else "planId",
            "give one of planId, executionId, sourceServerIds, or accountId with region",
        )
    if "region" in asked and chosen != ["accountId"]:
        raise inputs.invalid("region", "goes with accountId alone")
    if chosen == ["sourceServerIds"]:
        for name in ("limit", "nextToken"):
            if name in asked:
                raise inputs.invalid(name, "does not go with sourceServerIds")
        return _of_servers(_server_ids(asked["sourceServerIds"]))
    page = _page(chosen[0], asked)
    return {"recoveryInstances": [_shown(row) for row in page.items], "nextToken": page.next_token}


def _page(selector: str, asked: dict[str, str]) -> Page:
    limit, token = inputs.page(router.current_event)
    if selector == "planId":
        return instances.list_of_plan(inputs.plan_id(router.current_event) or "", limit, token)
    if selector == "executionId":
        if not re.fullmatch(inputs.ID_PATTERN, asked["executionId"]):
            raise inputs.invalid("executionId", "must be the id of an execution")
        return instances.list_of_execution(asked["executionId"], limit, token)
    if not _is_account(asked["accountId"]):
        raise inputs.invalid("accountId", "must have 12 digits")
    if not _is_region(asked.get("region", "")):
        raise inputs.invalid("region", "must be the code of a Region")
    return instances.list_of_target(Target(asked["accountId"], asked["region"]), limit, token)


def _server_ids(text: str) -> list[str]:
    ids = text.split(",")
    if len(ids) > MOST_SERVERS:
        raise inputs.invalid("sourceServerIds", f"name at most {MOST_SERVERS} source servers, not {len(ids)}")
    for number, server_id in enumerate(ids):
        if not _is_server(server_id):
            raise inputs.invalid(f"sourceServerIds[{number}]", "must be the id of a source server")
    if len(set(ids)) != len(ids):
        raise inputs.invalid("sourceServerIds", "names a server twice")
    return ids


def _of_servers(server_ids: list[str]) -> dict[str, Any]:
    rows = instances.rows_of_servers(server_ids)
    return {
        "recoveryInstances": [_shown(rows[server_id]) for server_id in server_ids if server_id in rows],
        "missing": [server_id for server_id in server_ids if server_id not in rows],
        "nextToken": None,
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**RecoveryInstance.from_item(row).to_item(), "lastSyncAt": instances.last_sync_at(row)}


# --- the sync ---------------------------------------------------------------------------------------------------
@router.post("/drs/recovery-instance-sync")
def start_sync() -> Response[str]:
    """202 with the sync that was started, of all targets or of those in the body."""
    request = parse(SyncRequest, inputs.json_body(router.current_event, may_be_empty=True))
    targets = [Target(one.account_id, one.region) for one in request.targets or ()]
    return created("/drs/recovery-instance-sync/status", syncing.start(targets), status=202)


@router.get("/drs/recovery-instance-sync/status")
def sync_status() -> dict[str, Any]:
    """How fresh each target is, and how the last sync went."""
    return syncing.status()


OPERATIONS = {
    "sync_recovery_instances": lambda: syncing.start([]),
    "get_recovery_instance_sync_status": syncing.status,
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
    parse(StartRequest, inputs.json_body(router.current_event, may_be_empty=True))
    execution_id = inputs.known_id(execution_id, ExecutionNotFound, "execution")
    row = cleanup.start(execution_id, inputs.caller(router.current_event))
    return created(f"/executions/{execution_id}/cleanup", _cleanup(row, []), status=202)


@router.get("/executions/<execution_id>/cleanup")
def read_cleanup(execution_id: str) -> dict[str, Any]:
    """How far the clean-up of a drill is; status NONE when there was none."""
    execution_id = inputs.known_id(execution_id, ExecutionNotFound, "execution")
    store.get_execution(execution_id)
    row = cleanup.read(execution_id)
    if row is None:
        return _cleanup({"executionId": execution_id, "status": "NONE"}, [])
    return _cleanup(row, chunks.of(execution_id, int(row["run"])))


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
