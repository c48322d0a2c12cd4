"""Source servers of an account and Region, as DRS has them now."""

from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api import inputs
from recovery import catalog, drs
from recovery.errors import DrsRefused
from recovery.target import Target

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


@router.get("/targets/<account_id>/<region>/source-servers")
def list_source_servers(account_id: str, region: str) -> dict[str, Any]:
    """A page of source servers with how their replication stands. The token is DRS's own."""
    limit, token = inputs.page(router.current_event)
    account = catalog.get_account(inputs.account_id(account_id))
    target = Target(account.account_id, inputs.region(region))
    try:
        servers, next_token = drs.page_of_source_servers(target, limit, token)
    except DrsRefused as error:
        if token is None:
            raise
        raise inputs.invalid("nextToken", "use the nextToken of the page before, unchanged") from error
    return {**target.to_state(), "sourceServers": [server.to_json() for server in servers], "nextToken": next_token}
