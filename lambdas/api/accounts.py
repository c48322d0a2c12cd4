"""Target accounts: how drs-waves reaches them, and whether it does."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api import answers, fanout, inputs
from api.requests import AccountRequest, AccountUpdate, parse
from recovery import catalog, drs, sessions
from recovery.catalog import TargetAccount
from recovery.standing import Standing

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    """The account without its external id, which is a secret of two parties and not of whoever reads lists."""
    row = TargetAccount.from_item(item).to_item()
    return {name: value for name, value in row.items() if name != "externalId"}


@router.post("/target-accounts")
def register_account() -> Response[str]:
    """201 with the account; 409 when it is registered in another way."""
    account = parse(AccountRequest, inputs.json_body(router.current_event)).to_account()
    catalog.register_account(account)
    return answers.created(f"/target-accounts/{account.account_id}", _shown(account.to_item()))


@router.get("/target-accounts")
def list_accounts() -> dict[str, Any]:
    """A page of accounts."""
    page = catalog.list_accounts(*inputs.page(router.current_event))
    return {"targetAccounts": [_shown(item) for item in page.items], "nextToken": page.next_token}


@router.get("/target-accounts/<account_id>")
def read_account(account_id: str) -> Response[str]:
    """The account."""
    return answers.found(_shown(catalog.get_account(inputs.account_id(account_id)).to_item()))


@router.put("/target-accounts/<account_id>")
def update_account(account_id: str) -> Response[str]:
    """200 with the account as it is now; 409 when somebody else has changed it since it was read."""
    request = parse(AccountUpdate, inputs.json_body(router.current_event))
    version = inputs.needed_version(router.current_event, request.version)
    before = catalog.get_account(inputs.account_id(account_id))
    updated = catalog.update_account(request.to_account(before), version)
    sessions.forget()
    return answers.found(_shown(updated.to_item()))


@router.delete("/target-accounts/<account_id>")
def delete_account(account_id: str) -> Response[str]:
    """204; 409 while protection groups have servers in it."""
    catalog.delete_account(inputs.account_id(account_id), inputs.version(router.current_event))
    sessions.forget()
    return answers.gone()


@router.post("/target-accounts/<account_id>/verify")
def verify_account(account_id: str) -> dict[str, Any]:
    """200 with how each Region of the account stands: its role is taken on anew, and DRS asked for one server."""
    account = catalog.get_account(inputs.account_id(account_id))
    sessions.forget()  # a role that was taken on an hour ago says nothing about now
    found = fanout.ask_all(account.targets, drs.probe)
    regions = [{"region": target.region, **Standing.of(answer).to_json()} for target, answer in found.items()]
    is_well = bool(regions) and all(each["status"] == "OK" for each in regions)
    return {"accountId": account.account_id, "ok": is_well, "regions": regions}
