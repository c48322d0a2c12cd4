"""Target accounts: how drs-waves reaches them, and whether it does."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api.http import response
from api.http.request import json_body, page_parameters, require_account_id, require_version, version
from api.schemas import requests
from api.schemas.requests import AccountRequest, AccountUpdate
from recovery.catalog import accounts
from recovery.domain.reachability import Reachability
from recovery.domain.target import TargetAccount
from recovery.drs import assumed_roles, fan_out
from recovery.drs import client as drs

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    """The account without its external id, which is a secret of two parties and not of whoever reads lists."""
    row = TargetAccount.from_item(item).to_item()
    return {name: value for name, value in row.items() if name != "externalId"}


@router.post("/target-accounts")
def register_account() -> Response[str]:
    """201 with the account; 409 when it is registered in another way."""
    account = requests.parse(AccountRequest, json_body(router.current_event)).to_account()
    accounts.register_account(account)
    return response.created(f"/target-accounts/{account.account_id}", _shown(account.to_item()))


@router.get("/target-accounts")
def list_accounts() -> dict[str, Any]:
    """A page of accounts."""
    page = accounts.list_accounts(*page_parameters(router.current_event))
    return {"targetAccounts": [_shown(item) for item in page.items], "nextToken": page.next_token}


@router.get("/target-accounts/<account_id>")
def read_account(account_id: str) -> Response[str]:
    """The account."""
    return response.resource(_shown(accounts.get_account(require_account_id(account_id)).to_item()))


@router.put("/target-accounts/<account_id>")
def update_account(account_id: str) -> Response[str]:
    """200 with the account as it is now; 409 when somebody else has changed it since it was read."""
    request = requests.parse(AccountUpdate, json_body(router.current_event))
    version = require_version(router.current_event, request.version)
    before = accounts.get_account(require_account_id(account_id))
    updated = accounts.update_account(request.to_account(before), version)
    assumed_roles.discard_clients()
    return response.resource(_shown(updated.to_item()))


@router.delete("/target-accounts/<account_id>")
def delete_account(account_id: str) -> Response[str]:
    """204; 409 while protection groups have servers in it."""
    accounts.delete_account(require_account_id(account_id), version(router.current_event))
    assumed_roles.discard_clients()
    return response.no_content()


@router.post("/target-accounts/<account_id>/verify")
def verify_account(account_id: str) -> dict[str, Any]:
    """200 with how each Region of the account stands: its role is taken on anew, and DRS asked for one server."""
    account = accounts.get_account(require_account_id(account_id))
    assumed_roles.discard_clients()  # a role that was taken on an hour ago says nothing about now
    found = fan_out.ask_all(account.targets, drs.check_access)
    regions = [{"region": target.region, **Reachability.of(answer).to_json()} for target, answer in found.items()]
    is_well = bool(regions) and all(each["status"] == "OK" for each in regions)
    return {"accountId": account.account_id, "ok": is_well, "regions": regions}
