"""Launch settings: what runs have changed of them, what a launch profile would change, and putting them back."""

from api.http.parameters import (
    MAX_LARGE_PAGE_SIZE,
    PAGE,
    Parameter,
    page,
    page_parameters,
    parse_offset,
    query_parameters,
)
from api.http.request import (
    ACCOUNT_PATTERN,
    REGION_PATTERN,
    SERVER_PATTERN,
    invalid_field,
    is_account,
    is_region,
    is_server,
    name_caller,
    require_id,
)
from api.router import Router
from api.routes.errors import DRS_ERRORS
from api.schemas.requests.launch_settings import RestoreRequest
from api.schemas.responses.launches.settings import (
    AppliedSettingsPage,
    ChangedSettingsPage,
    ProfiledSettingsPage,
    RestoreStarted,
    build_applied,
    build_change,
    build_preview,
)
from recovery.catalog.groups import get_group_row
from recovery.domain.plan import ProtectionGroup
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.errors import ExecutionNotFound, GroupNotFound, StartFailed, TargetTooSlow
from recovery.launch_settings import begin, of_run, preview
from recovery.store import executions
from recovery.store.launches import settings_changes
from recovery.target_errors import NotInTarget, TargetRefused

router = Router("Launch settings")

# Each server costs two calls of the target's budgets, and they have to be answered within 22 seconds.
MAX_SERVERS_READ = 10

_SERVER = SERVER_PATTERN.strip("^$")


@router.operation(
    "GET",
    "/launch-settings",
    parameters=(
        Parameter(
            "accountId", "Settings in this account.", {"type": "string", "pattern": ACCOUNT_PATTERN}, required=True
        ),
        Parameter("region", "Settings in this Region.", {"type": "string", "pattern": REGION_PATTERN}, required=True),
        *PAGE,
    ),
)
def list_changed_settings() -> ChangedSettingsPage:
    """Lists the launch settings that runs have changed in an account and Region and not put back yet.

    Reads the record of changes and does not call the account.
    """
    query = query_parameters(router.current_event)
    if not is_account(query.get("accountId", "")):
        raise invalid_field("accountId", "must have 12 digits")
    if not is_region(query.get("region", "")):
        raise invalid_field("region", "must be the code of a Region, such as us-west-2")
    limit, token = page_parameters(router.current_event)
    begin = parse_offset(token)
    changes = settings_changes.list_changes(Target(query["accountId"], query["region"]))
    end = begin + limit
    shown = [build_change(each) for each in changes[begin:end]]
    return {"launchSettings": shown, "nextToken": str(end) if end < len(changes) else None}


@router.operation(
    "GET",
    "/executions/{executionId}/launch-settings",
    parameters=page(MAX_LARGE_PAGE_SIZE),
    errors=(ExecutionNotFound,),
)
def list_settings_of_execution(execution_id: str) -> AppliedSettingsPage:
    """Lists the servers of a run that have a launch profile, with what became of their launch settings, page by page.

    Reads the record and does not call the accounts.
    """
    execution_id = require_id(execution_id, ExecutionNotFound, "execution")
    executions.get_run(execution_id)
    limit, token = page_parameters(router.current_event, MAX_LARGE_PAGE_SIZE)
    begin = parse_offset(token)
    servers = of_run.list_servers(execution_id)
    end = begin + limit
    shown = [build_applied(each) for each in servers[begin:end]]
    return {"launchSettings": shown, "nextToken": str(end) if end < len(servers) else None}


@router.operation("POST", "/launch-settings/restore", status=202, errors=(StartFailed,))
def restore_settings(body: RestoreRequest) -> RestoreStarted:
    """Starts to put back the launch settings that runs have changed in an account and Region.

    Settings are put back once the job of their batch is over. What a person has changed since stays as it is, unless
    `force` is set. With `keep`, the settings stay, and what was there before is forgotten.
    """
    target = Target(body.account_id, body.region)
    named = body.source_server_ids
    if named:
        changed = settings_changes.get_changes(target, named)
        for number, server_id in enumerate(named):
            if server_id not in changed:
                raise invalid_field(f"sourceServerIds[{number}]", "no run has changed its settings in this Region")
    by = name_caller(router.current_event)
    name = begin.start_restore(target, f"{by} asked for it", named or (), forced=body.force, keeps=body.keep)
    return {"restore": name, "accountId": body.account_id, "region": body.region}


@router.operation(
    "GET",
    "/protection-groups/{groupId}/launch-settings",
    parameters=(
        Parameter(
            "mode", "The kind of run.", {"type": "string", "enum": [mode.value for mode in RunMode]}, required=True
        ),
        Parameter(
            "sourceServerIds",
            "Only these servers of the group, in one page.",
            {"type": "string", "pattern": rf"^{_SERVER}(,{_SERVER}){{0,{MAX_SERVERS_READ - 1}}}$"},
        ),
        *page(MAX_SERVERS_READ),
    ),
    errors=(*DRS_ERRORS, GroupNotFound, NotInTarget, TargetRefused, TargetTooSlow),
)
def preview_settings_of_group(group_id: str) -> ProfiledSettingsPage:
    """Returns the launch settings of servers of the group now, and as its launch profile would make them.

    Calls DRS and EC2 for each server, and changes nothing. A page has at most 10 servers.
    """
    query = query_parameters(router.current_event)
    mode = _parse_mode(query.get("mode"))
    row = get_group_row(require_id(group_id, GroupNotFound, "protection group"))
    group = ProtectionGroup.from_item(row)
    limit, token = page_parameters(router.current_event, MAX_SERVERS_READ)
    begin = parse_offset(token)
    if "sourceServerIds" in query:
        members, limit, begin = _parse_server_ids(query, group), MAX_SERVERS_READ, 0
    else:
        members = sorted(group.server_ids) or preview.list_tagged_servers(group)
    end = begin + limit
    page_of = members[begin:end]
    changed = settings_changes.get_changes(group.target, page_of)
    found = preview.preview_settings(group, mode, page_of) if page_of else []
    isolation = group.profiles.by_mode.get(mode)
    return {
        "groupId": group.group_id,
        "accountId": group.target.account_id,
        "region": group.target.region,
        "mode": mode,
        "isolation": isolation.isolation if isolation else None,
        "launchSettings": [build_preview(each, changed.get(each.server_id)) for each in found],
        "nextToken": str(end) if end < len(members) else None,
    }


def _parse_mode(text: str | None) -> RunMode:
    if text not in [mode.value for mode in RunMode]:
        raise invalid_field("mode", f"must be one of {', '.join(RunMode)}")
    return RunMode(text)


def _parse_server_ids(query: dict[str, str], group: ProtectionGroup) -> list[str]:
    """The servers that the request names. Raise InvalidRequest; of a group by tags, every server may be one of it."""
    for name in ("limit", "nextToken"):
        if name in query:
            raise invalid_field(name, "does not go with sourceServerIds")
    ids = query["sourceServerIds"].split(",")
    if len(ids) > MAX_SERVERS_READ:
        raise invalid_field("sourceServerIds", f"name at most {MAX_SERVERS_READ} source servers, not {len(ids)}")
    if len(set(ids)) != len(ids):
        raise invalid_field("sourceServerIds", "names a server twice")
    for number, server_id in enumerate(ids):
        if not is_server(server_id):
            raise invalid_field(f"sourceServerIds[{number}]", "must be the id of a source server")
        if group.server_ids and server_id not in group.server_ids:
            raise invalid_field(f"sourceServerIds[{number}]", "is not a server of the group")
    return ids
