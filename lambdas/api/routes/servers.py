"""The servers of a run."""

import json

from api.http.parameters import MAX_LARGE_PAGE_SIZE, Parameter, page, page_parameters, query_parameters
from api.http.request import invalid_field, is_account, is_region, require_id
from api.router import Router
from api.schemas.responses.servers import Server, Servers, build_server, mentions
from recovery.domain.execution import ServerStatus
from recovery.domain.target import Target
from recovery.errors import ExecutionNotFound, WaveNotFound
from recovery.store import execution_record, executions, waves

router = Router("Runs")

VERIFICATIONS = ("VERIFYING", "VERIFIED", "UNVERIFIED")

MAX_TEXT_LENGTH = 100

# A page ends early at this many bytes: an answer of a function has room for 6 MB (Lambda quotas), and API Gateway's
# for 10 MB. It also ends after this many servers that were read and do not match, so that an answer takes seconds.
MAX_BYTES, MAX_EXAMINED = 4_000_000, 10_000


@router.operation(
    "GET",
    "/executions/{executionId}/servers",
    parameters=(
        Parameter("wave", "Only servers of this wave.", {"type": "string", "minLength": 1}),
        Parameter("status", "Only servers with this status.", {"type": "string", "enum": list(ServerStatus)}),
        Parameter(
            "verification",
            "Only servers whose checks have found this.",
            {"type": "string", "enum": list(VERIFICATIONS)},
        ),
        Parameter(
            "target",
            "Only servers in this account and Region: `111122223333/us-west-2`.",
            {"type": "string", "pattern": "^[0-9]{12}/[a-z0-9-]+$"},
        ),
        Parameter(
            "text",
            "Only servers whose id, host name, instance, job or reason contains this, in upper or lower case.",
            {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_LENGTH},
        ),
        *page(MAX_LARGE_PAGE_SIZE),
    ),
    errors=(ExecutionNotFound, WaveNotFound),
)
def list_servers(execution_id: str) -> Servers:
    """Lists the source servers of a run, page by page: all of them, or those that the parameters select.

    A page may have fewer servers than `limit`, or none, while more follow: go on until `nextToken` is null.
    """
    query = query_parameters(router.current_event)
    execution_id = require_id(execution_id, ExecutionNotFound, "execution")
    wave = require_id(query["wave"], WaveNotFound, "wave") if "wave" in query else None
    verification = _parse_verification(query.get("verification"))
    status, target, text = _parse_status(query.get("status")), _parse_target(query.get("target")), query.get("text", "")
    if len(text) > MAX_TEXT_LENGTH:
        raise invalid_field("text", f"must have at most {MAX_TEXT_LENGTH} characters")
    limit, token = page_parameters(router.current_event, MAX_LARGE_PAGE_SIZE)
    executions.get_meta_row(execution_id)
    wave_rows = {row["wave"]: row for row in waves.list_rows(execution_id)}
    found, size, last = list[Server](), 0, None
    for examined, each in enumerate(execution_record.walk_servers(execution_id, wave, target, status, token), start=1):
        server = build_server(each, wave_rows[each.row["wave"]])
        if _is_wanted(server, status, verification) and mentions(server, text):
            size += len(json.dumps(server))
            if last and (len(found) == limit or (found and size > MAX_BYTES)):
                return {"servers": found, "nextToken": last.token}
            found.append(server)
        elif examined > MAX_EXAMINED:
            return {"servers": found, "nextToken": each.token}
        last = each
    return {"servers": found, "nextToken": None}


def _is_wanted(server: Server, status: ServerStatus | None, verification: str | None) -> bool:
    found = server["verification"]
    if verification is not None and (found is None or found["status"] != verification):
        return False
    return status is None or server["status"] is status


def _parse_verification(text: str | None) -> str | None:
    if text is not None and text not in VERIFICATIONS:
        raise invalid_field("verification", f"must be one of {', '.join(VERIFICATIONS)}")
    return text


def _parse_status(text: str | None) -> ServerStatus | None:
    if text is not None and text not in ServerStatus.__members__:
        raise invalid_field("status", f"must be one of {', '.join(ServerStatus)}")
    return ServerStatus(text) if text else None


def _parse_target(text: str | None) -> Target | None:
    if text is None:
        return None
    account_id, _, region = text.partition("/")
    if not (is_account(account_id) and is_region(region)):
        raise invalid_field("target", "must be an account and a Region: 111122223333/us-west-2")
    return Target(account_id, region)
