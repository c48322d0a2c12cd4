"""Source servers of an account and Region, as DRS has them now."""

from api.http.parameters import PAGE, page_parameters
from api.http.request import invalid_field, require_account_id, require_region
from api.router import Router
from api.routes.errors import DRS_ERRORS
from api.schemas.responses.targets import SourceServers, build_source_server
from recovery.catalog import accounts
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import AccountNotFound, DrsRefused

router = Router("Targets")


@router.operation(
    "GET",
    "/targets/{accountId}/{region}/source-servers",
    parameters=PAGE,
    errors=(*DRS_ERRORS, AccountNotFound),
)
def list_source_servers(account_id: str, region: str) -> SourceServers:
    """Lists the source servers of an account and Region with their replication. `nextToken` is DRS's own."""
    limit, token = page_parameters(router.current_event)
    account = accounts.get_account(require_account_id(account_id))
    target = Target(account.account_id, require_region(region))
    try:
        servers, next_token = drs.list_source_servers(target, limit, token)
    except DrsRefused as error:
        if token is None:
            raise
        raise invalid_field("nextToken", "use the nextToken of the page before, unchanged") from error
    return {
        "accountId": target.account_id,
        "region": target.region,
        "sourceServers": [build_source_server(server) for server in servers],
        "nextToken": next_token,
    }
