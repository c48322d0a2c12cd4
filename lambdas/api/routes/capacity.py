"""What DRS's quotas have free: here, in an account, everywhere. Nothing is leased by asking."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from api.http import request
from recovery import clock
from recovery.catalog.accounts import get_account, list_accounts
from recovery.domain import capacity_report
from recovery.domain.reachability import Reachability
from recovery.domain.target import Target, TargetAccount
from recovery.drs import capacity_leases, fan_out, service_quotas
from recovery.drs import client as drs

router = APIGatewayRouter()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


@router.get("/capacity")
def read_all_capacity() -> dict[str, Any]:
    """Every Region of a page of accounts."""
    page = list_accounts(*request.page_parameters(router.current_event))
    accounts = [TargetAccount.from_item(item) for item in page.items]
    return {**_read_capacity(accounts), "nextToken": page.next_token}


@router.get("/capacity/<account_id>")
def read_account_capacity(account_id: str) -> dict[str, Any]:
    """Every Region of one account."""
    return _read_capacity([get_account(request.require_account_id(account_id))])


@router.get("/capacity/<account_id>/<region>")
def read_target_capacity(account_id: str, region: str) -> dict[str, Any]:
    """One account and Region, whether it is among the account's Regions or not."""
    account = get_account(request.require_account_id(account_id))
    target = Target(account.account_id, request.require_region(region))
    (entry,) = _entries([target])
    return {"at": clock.iso(), **entry}


def _read_capacity(accounts: Iterable[TargetAccount]) -> dict[str, Any]:
    accounts = list(accounts)
    targets = [target for account in accounts for target in account.targets]
    without = [account.account_id for account in accounts if not account.regions]
    return {"at": clock.iso(), "targets": _entries(targets), "accountsWithoutRegions": without}


def _entries(targets: list[Target]) -> list[dict[str, Any]]:
    """An entry for each; one that cannot be asked says so in its own, and has no figures."""
    found = fan_out.ask_all(targets, _read_target)
    return [
        {
            **target.to_state(),
            **Reachability.of(answer).to_json(),
            **(answer if isinstance(answer, dict) else {}),
        }
        for target, answer in found.items()
    ]


def _read_target(target: Target) -> dict[str, Any]:
    load = capacity_leases.read_current_usage(target)
    states = Counter(server.replication_state for server in drs.describe_source_servers(target))
    return capacity_report.build_report(load.jobs, load.servers, states, service_quotas.get_quotas(target))
