"""Recovery instances, read from the cache."""

from typing import Any

from api.http.parameters import (
    MAX_LARGE_PAGE_SIZE,
    PAGE,
    Parameter,
    id_parameter,
    page,
    page_parameters,
    parse_offset,
    plan_id_filter,
    query_parameters,
)
from api.http.request import (
    ACCOUNT_PATTERN,
    REGION_PATTERN,
    SERVER_PATTERN,
    invalid_field,
    is_account,
    is_id,
    is_region,
    is_server,
)
from api.router import Router
from api.schemas.responses.base import build_from_row
from api.schemas.responses.recovery_instances import (
    RecoveryInstance,
    RecoveryInstances,
    RunningDrills,
    build_running_drills,
)
from recovery import clock
from recovery.aws.pagination import Page
from recovery.cache import recovery_instances, sync_status
from recovery.domain.costs.running import sum_drills
from recovery.domain.target import Target
from recovery.drs import fan_out
from recovery.errors import DrsWavesError

router = Router("Recovery instances")

# One BatchGetItem; a URL has room for twice as many.
MAX_SERVERS = 100

_SERVER = SERVER_PATTERN.strip("^$")

SELECTORS = ("planId", "executionId", "sourceServerIds", "accountId")


@router.operation(
    "GET",
    "/recovery-instances",
    parameters=(
        id_parameter("planId", "Instances that runs of this plan launched. Give exactly one of the four selections."),
        id_parameter("executionId", "Instances that this run launched."),
        Parameter(
            "sourceServerIds",
            "Instances of these source servers, in one page.",
            {"type": "string", "pattern": rf"^{_SERVER}(,{_SERVER}){{0,{MAX_SERVERS - 1}}}$"},
        ),
        Parameter(
            "accountId", "Instances in this account; needs `region`.", {"type": "string", "pattern": ACCOUNT_PATTERN}
        ),
        Parameter(
            "region", "Instances in this Region; needs `accountId`.", {"type": "string", "pattern": REGION_PATTERN}
        ),
        *page(MAX_LARGE_PAGE_SIZE),
    ),
)
def list_recovery_instances() -> RecoveryInstances:
    """Lists the recovery instances of a plan, of a run, of an account and Region, or of up to 100 source servers."""
    query = query_parameters(router.current_event)
    selectors = [name for name in SELECTORS if name in query]
    if len(selectors) != 1:
        raise invalid_field(
            selectors[1] if selectors else "planId",
            "give one of planId, executionId, sourceServerIds, or accountId with region",
        )
    if "region" in query and selectors != ["accountId"]:
        raise invalid_field("region", "goes with accountId alone")
    if selectors == ["sourceServerIds"]:
        for name in ("limit", "nextToken"):
            if name in query:
                raise invalid_field(name, "does not go with sourceServerIds")
        return _list_by_servers(_parse_server_ids(query["sourceServerIds"]))
    found = _read_page(selectors[0], query)
    return {"recoveryInstances": [_build_instance(row) for row in found.items], "nextToken": found.next_token}


@router.operation("GET", "/recovery-instances/drills", parameters=PAGE)
def read_running_drills() -> RunningDrills:
    """Returns how many instances each drill has left running, and what they cost, by account and Region.

    A page has the accounts and Regions in which the last sync found instances, and all drills there. Reads the cache
    and calls no account.
    """
    limit, token = page_parameters(router.current_event)
    begin = parse_offset(token)
    rows, _ = sync_status.read_all()
    targets = sorted(row.target for row in rows if row.instances)
    end = begin + limit
    answers = fan_out.ask_all(targets[begin:end], recovery_instances.find_by_target)
    now = clock.now()
    found = {
        target: answer if isinstance(answer, DrsWavesError) else sum_drills(answer, now)
        for target, answer in answers.items()
    }
    return {**build_running_drills(found, clock.iso(now)), "nextToken": str(end) if end < len(targets) else None}


def _read_page(selector: str, query: dict[str, str]) -> Page:
    limit, token = page_parameters(router.current_event, MAX_LARGE_PAGE_SIZE)
    if selector == "planId":
        return recovery_instances.list_by_plan(plan_id_filter(router.current_event) or "", limit, token)
    if selector == "executionId":
        if not is_id(query["executionId"]):
            raise invalid_field("executionId", "must be the id of an execution")
        return recovery_instances.list_by_execution(query["executionId"], limit, token)
    if not is_account(query["accountId"]):
        raise invalid_field("accountId", "must have 12 digits")
    if not is_region(query.get("region", "")):
        raise invalid_field("region", "must be the code of a Region")
    return recovery_instances.list_by_target(Target(query["accountId"], query["region"]), limit, token)


def _parse_server_ids(text: str) -> list[str]:
    ids = text.split(",")
    if len(ids) > MAX_SERVERS:
        raise invalid_field("sourceServerIds", f"name at most {MAX_SERVERS} source servers, not {len(ids)}")
    for number, server_id in enumerate(ids):
        if not is_server(server_id):
            raise invalid_field(f"sourceServerIds[{number}]", "must be the id of a source server")
    if len(set(ids)) != len(ids):
        raise invalid_field("sourceServerIds", "names a server twice")
    return ids


def _list_by_servers(server_ids: list[str]) -> RecoveryInstances:
    rows = recovery_instances.get_instance_rows(server_ids)
    return {
        "recoveryInstances": [_build_instance(rows[server_id]) for server_id in server_ids if server_id in rows],
        "missing": [server_id for server_id in server_ids if server_id not in rows],
        "nextToken": None,
    }


def _build_instance(row: dict[str, Any]) -> RecoveryInstance:
    return build_from_row(RecoveryInstance, row, lastSyncAt=recovery_instances.last_sync_at(row))
