"""What DRS's quotas have free: here, in an account, everywhere. Nothing is leased by asking."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api import fanout, inputs
from recovery import capacity, capacity_view, catalog, clock, drs, quotas
from recovery.catalog import TargetAccount
from recovery.standing import Standing
from recovery.target import Target

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


@router.get("/capacity")
def of_all() -> dict[str, Any]:
    """Every Region of a page of accounts."""
    page = catalog.list_accounts(*inputs.page(router.current_event))
    accounts = [TargetAccount.from_item(item) for item in page.items]
    return {**_of(accounts), "nextToken": page.next_token}


@router.get("/capacity/<account_id>")
def of_account(account_id: str) -> dict[str, Any]:
    """Every Region of one account."""
    return _of([catalog.get_account(inputs.account_id(account_id))])


@router.get("/capacity/<account_id>/<region>")
def of_target(account_id: str, region: str) -> dict[str, Any]:
    """One account and Region, whether it is among the account's Regions or not."""
    account = catalog.get_account(inputs.account_id(account_id))
    target = Target(account.account_id, inputs.region(region))
    (entry,) = _entries([target])
    return {"at": clock.iso(), **entry}


def _of(accounts: Iterable[TargetAccount]) -> dict[str, Any]:
    accounts = list(accounts)
    targets = [target for account in accounts for target in account.targets]
    without = [account.account_id for account in accounts if not account.regions]
    return {"at": clock.iso(), "targets": _entries(targets), "accountsWithoutRegions": without}


def _entries(targets: list[Target]) -> list[dict[str, Any]]:
    """An entry for each; one that cannot be asked says so in its own, and has no figures."""
    found = fanout.ask_all(targets, _look)
    return [
        {
            **target.to_state(),
            **Standing.of(answer).to_json(),
            **(answer if isinstance(answer, dict) else {}),
        }
        for target, answer in found.items()
    ]


def _look(target: Target) -> dict[str, Any]:
    load = capacity.look(target)
    states = Counter(server.replication_state for server in drs.describe_source_servers(target))
    return capacity_view.view(load.jobs, load.servers, states, quotas.of(target))
