"""Source servers of an account and Region, as DRS has them now."""

from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api.http import request
from recovery.catalog import accounts
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import DrsRefused

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


@router.get("/targets/<account_id>/<region>/source-servers")
def list_source_servers(account_id: str, region: str) -> dict[str, Any]:
    """A page of source servers with how their replication stands. The token is DRS's own."""
    limit, token = request.page_parameters(router.current_event)
    account = accounts.get_account(request.require_account_id(account_id))
    target = Target(account.account_id, request.require_region(region))
    try:
        servers, next_token = drs.list_source_servers(target, limit, token)
    except DrsRefused as error:
        if token is None:
            raise
        raise request.invalid_field("nextToken", "use the nextToken of the page before, unchanged") from error
    return {**target.to_state(), "sourceServers": [server.to_json() for server in servers], "nextToken": next_token}
